"""S3 and SQS: the only package that imports boto3."""
