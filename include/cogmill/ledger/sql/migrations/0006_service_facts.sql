-- What a mapfile says about its whole collection stands at one end of an index: publishing one more frame must not read the others.
CREATE INDEX tile_index_newest ON cogmill.tile_index (collection_id, oid);
CREATE INDEX tile_index_days ON cogmill.tile_index (collection_id, acquired);
