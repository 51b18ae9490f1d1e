SELECT key, size, modified FROM listed WHERE place = ANY(%(places)s) ORDER BY key;
