SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA cogmill;
CREATE FUNCTION cogmill.grow_extent() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE cogmill.collection AS c SET extent = wanted.extent
    FROM (
        SELECT k.id, ST_Extent(k.geom) AS extent
        FROM (
            SELECT collection_id AS id, geom FROM new_rows
            UNION ALL
            SELECT id, ST_SetSRID(extent::geometry, 3857) FROM cogmill.collection
            WHERE id IN (SELECT collection_id FROM new_rows) AND extent IS NOT NULL
        ) AS k
        GROUP BY k.id
    ) AS wanted
    WHERE c.id = wanted.id AND c.extent::text IS DISTINCT FROM wanted.extent::text;
    RETURN NULL;
END $$;
CREATE FUNCTION cogmill.keep_former_cog() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO cogmill.former_cog (key, frame_id, size, sha256, source_sha256, recipe, footprint, width, height, gsd_m,
        source_crs, transformation, cpu_s)
    VALUES (OLD.cog_key, OLD.id, OLD.cog_size, OLD.cog_sha256, OLD.source_sha256, OLD.recipe, OLD.footprint, OLD.width,
        OLD.height, OLD.gsd_m, OLD.source_crs, OLD.transformation, OLD.cpu_s)
    ON CONFLICT (key) DO UPDATE SET replaced_at = now();
    RETURN NULL;
END $$;
CREATE FUNCTION cogmill.keep_former_rows() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO cogmill.former_row (collection_id, revision, oid)
        SELECT n.collection_id, c.revision + 1, n.oid FROM new_rows AS n JOIN cogmill.collection AS c ON c.id = n.collection_id;
    ELSE
        INSERT INTO cogmill.former_row (collection_id, revision, oid, location, src_srs, date, roll, frame_num,
            dl_orig, dl_georef, dl_index, geom, acquired)
        SELECT o.collection_id, c.revision + 1, o.oid, o.location, o.src_srs, o.date, o.roll, o.frame_num,
            o.dl_orig, o.dl_georef, o.dl_index, o.geom, o.acquired
        FROM old_rows AS o JOIN cogmill.collection AS c ON c.id = o.collection_id;
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION cogmill.note_publication() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO cogmill.publication (collection_id, revision, mapfile_sha256)
    VALUES (NEW.id, NEW.mapfile_revision, NEW.mapfile_sha256)
    ON CONFLICT (collection_id, revision) DO UPDATE SET mapfile_sha256 = excluded.mapfile_sha256;
    RETURN NULL;
END $$;
CREATE FUNCTION cogmill.shrink_extent() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE cogmill.collection AS c
    SET extent = (SELECT ST_Extent(t.geom) FROM cogmill.tile_index AS t WHERE t.collection_id = c.id)
    WHERE c.id IN (
        SELECT o.collection_id FROM old_rows AS o JOIN cogmill.collection AS k ON k.id = o.collection_id
        WHERE k.extent IS NULL OR ST_XMin(o.geom) <= ST_XMin(k.extent) OR ST_YMin(o.geom) <= ST_YMin(k.extent)
            OR ST_XMax(o.geom) >= ST_XMax(k.extent) OR ST_YMax(o.geom) >= ST_YMax(k.extent)
    );
    RETURN NULL;
END $$;
SET default_table_access_method = heap;
CREATE TABLE cogmill.backfill (
    id text NOT NULL,
    profile text,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.backfill_frame (
    backfill_id text NOT NULL,
    frame_id bigint NOT NULL,
    place integer NOT NULL,
    size bigint NOT NULL,
    outcome text,
    done_at timestamp with time zone,
    CONSTRAINT backfill_frame_outcome_check CHECK ((outcome = ANY (ARRAY['built'::text, 'unchanged'::text, 'rejected'::text, 'failed'::text, 'replaced'::text])))
);
CREATE TABLE cogmill.collection (
    id text NOT NULL,
    service_name text NOT NULL,
    folder text NOT NULL,
    agency text NOT NULL,
    year text NOT NULL,
    product text NOT NULL,
    revision bigint DEFAULT 0 NOT NULL,
    exported_revision bigint DEFAULT 0 NOT NULL,
    mapfile_revision bigint DEFAULT 0 NOT NULL,
    mapfile_sha256 text,
    triggered_at timestamp with time zone,
    published_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    unpublished_at timestamp with time zone,
    extent public.box2d,
    CONSTRAINT collection_id_check CHECK ((id ~ '^[a-z0-9_]{3,150}$'::text)),
    CONSTRAINT collection_product_check CHECK ((product = ANY (ARRAY['frames'::text, 'index'::text, 'mosaic'::text])))
);
CREATE TABLE cogmill.finding (
    kind text NOT NULL,
    subject text NOT NULL,
    collection_id text,
    detail text DEFAULT ''::text NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.former_cog (
    key text NOT NULL,
    frame_id bigint NOT NULL,
    size bigint,
    sha256 text,
    source_sha256 text,
    recipe text,
    footprint public.geometry(Polygon,3857),
    width integer,
    height integer,
    gsd_m double precision,
    source_crs text,
    transformation text,
    cpu_s real,
    replaced_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.former_row (
    id bigint NOT NULL,
    collection_id text NOT NULL,
    revision bigint NOT NULL,
    oid bigint NOT NULL,
    location text,
    src_srs text,
    date text,
    roll text,
    frame_num text,
    dl_orig text,
    dl_georef text,
    dl_index text,
    geom public.geometry(Polygon,3857),
    acquired date,
    changed_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE cogmill.former_row ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME cogmill.former_row_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE cogmill.frame (
    id bigint NOT NULL,
    collection_id text,
    source_key text NOT NULL,
    bands text,
    stem text,
    etag text NOT NULL,
    size bigint NOT NULL,
    uploaded_at timestamp with time zone NOT NULL,
    state text NOT NULL,
    reason text,
    detail text,
    date text,
    roll text,
    frame_num text,
    acquired_from date,
    acquired_to date,
    scan_stem text,
    source_sha256 text,
    recipe text,
    cog_key text,
    cog_size bigint,
    cog_sha256 text,
    footprint public.geometry(Polygon,3857),
    width integer,
    height integer,
    gsd_m double precision,
    source_crs text,
    transformation text,
    cpu_s real,
    tries integer DEFAULT 0 NOT NULL,
    next_try_at timestamp with time zone DEFAULT now() NOT NULL,
    lease_owner text,
    lease_until timestamp with time zone,
    arrived_at timestamp with time zone DEFAULT now() NOT NULL,
    built_at timestamp with time zone,
    published_at timestamp with time zone,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    audited_at timestamp with time zone,
    CONSTRAINT frame_check CHECK (((state = 'rejected'::text) = (reason IS NOT NULL))),
    CONSTRAINT frame_check1 CHECK (((state <> ALL (ARRAY['built'::text, 'published'::text])) OR ((cog_key IS NOT NULL) AND (footprint IS NOT NULL)))),
    CONSTRAINT frame_state_check CHECK ((state = ANY (ARRAY['arrived'::text, 'building'::text, 'built'::text, 'published'::text, 'rejected'::text, 'failed'::text, 'withdrawn'::text])))
);
ALTER TABLE cogmill.frame ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME cogmill.frame_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE cogmill.migration (
    name text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.publication (
    collection_id text NOT NULL,
    revision bigint NOT NULL,
    mapfile_sha256 text NOT NULL,
    published_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.retired_cog (
    key text NOT NULL,
    frame_id bigint,
    retired_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.scan (
    key text NOT NULL,
    collection_id text NOT NULL,
    bands text NOT NULL,
    stem text NOT NULL,
    etag text NOT NULL,
    size bigint NOT NULL,
    uploaded_at timestamp with time zone NOT NULL,
    linked boolean DEFAULT false NOT NULL,
    arrived_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE cogmill.sweep (
    single boolean DEFAULT true NOT NULL,
    watermark timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    full_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT sweep_single_check CHECK (single)
);
CREATE TABLE cogmill.tile_index (
    oid bigint NOT NULL,
    location text NOT NULL,
    src_srs text NOT NULL,
    date text NOT NULL,
    roll text NOT NULL,
    frame_num text NOT NULL,
    dl_orig text,
    dl_georef text NOT NULL,
    dl_index text NOT NULL,
    geom public.geometry(Polygon,3857) NOT NULL,
    collection_id text NOT NULL,
    acquired date
);
INSERT INTO cogmill.collection VALUES ('elpaso_txdot_1985_frames', 'ElPaso_TxDOT_1985_frames', 'ElPaso', 'TxDOT', '1985', 'frames', 2, 1, 1, '73da8dfee0c9ea9e2e926b949164a7ace151a9ced67271b39bb0e6e0d05b6d31', '2026-11-28 14:47:50.783621+00', '2026-11-28 14:47:50.467134+00', '2026-11-28 14:47:50.12013+00', NULL, 'BOX(-10894400 3500000,-10892600 3501000)');
INSERT INTO cogmill.collection VALUES ('travis_usda_1951_frames', 'Travis_USDA_1951_frames', 'Travis', 'USDA', '1951', 'frames', 4, 4, 4, 'cb8f95b209cb2d502e20b619499b4fd6252619897a14d74ccab923d11c499917', '2026-11-28 14:47:45.219267+00', '2026-11-28 14:47:50.033565+00', '2026-11-28 14:47:38.103566+00', NULL, 'BOX(-10899800 3499744,-10899144 3500000)');
INSERT INTO cogmill.former_cog VALUES ('bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.92cd9a7a7e72.tif', 1, 2511, 'd9fae6aeaac01935f97f291e379864e9bb3613a7e091414ba4da2e0aaec0c160', '1ab3da3031fd4bd3733bc6ada752a4e761c42a7c330666c615b7792d881c528d', '1740adb839ed1ff9c7ab1a3a638cc3a7170372035e1d93e194d596ba94b84c23', '0103000020110F00000100000005000000000000002BCA64C100000000F0B34A41000000002BCA64C10000000070B34A41000000000BCA64C10000000070B34A41000000000BCA64C100000000F0B34A41000000002BCA64C100000000F0B34A41', 128, 128, 2, 'EPSG:3857', 'none', 0.055, '2026-11-28 14:47:43.104179+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (1, 'travis_usda_1951_frames', 1, 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:39.992727+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (2, 'travis_usda_1951_frames', 1, 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:39.992727+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (3, 'travis_usda_1951_frames', 1, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:39.992727+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (4, 'travis_usda_1951_frames', 2, 1, '/vsis3/archive/bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.92cd9a7a7e72.tif', 'EPSG:3857', '03-22-51', '4', '1', NULL, 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.92cd9a7a7e72.tif', 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames_idx.zip', '0103000020110F00000100000005000000000000002BCA64C100000000F0B34A41000000002BCA64C10000000070B34A41000000000BCA64C10000000070B34A41000000000BCA64C100000000F0B34A41000000002BCA64C100000000F0B34A41', '1951-03-22', '2026-11-28 14:47:43.124121+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (5, 'travis_usda_1951_frames', 3, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:46.397904+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (6, 'travis_usda_1951_frames', 4, 5, '/vsis3/archive/bw/Travis/USDA_1951/frames/cog/03-22-51_4-4.3054c3a79388.tif', 'EPSG:3857', '03-22-51', '4', '4', NULL, 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/03-22-51_4-4.3054c3a79388.tif', 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames_idx.zip', '0103000020110F0000010000000500000000000000E0C964C100000000F0B34A4100000000E0C964C10000000070B34A4100000000C0C964C10000000070B34A4100000000C0C964C100000000F0B34A4100000000E0C964C100000000F0B34A41', '1951-03-22', '2026-11-28 14:47:48.121127+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (7, 'elpaso_txdot_1985_frames', 1, 8, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:50.205463+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (8, 'elpaso_txdot_1985_frames', 1, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:50.205463+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (9, 'elpaso_txdot_1985_frames', 1, 6, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '2026-11-28 14:47:50.205463+00');
INSERT INTO cogmill.former_row OVERRIDING SYSTEM VALUE VALUES (10, 'elpaso_txdot_1985_frames', 3, 6, '/vsis3/archive/bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-1.51b767afdbbb.tif', 'EPSG:3857', '03-22-51', '4', '1', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-1.tif', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-1.51b767afdbbb.tif', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/cog/tile_index/ElPaso_TxDOT_1985_frames_idx.zip', '0103000020110F00000100000005000000000000006FC764C100000000F0B34A41000000006FC764C100000000E4B54A4100000000ECC764C100000000E4B54A4100000000ECC764C100000000F0B34A41000000006FC764C100000000F0B34A41', '1951-03-22', '2026-11-28 14:47:50.532152+00');
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (2, 'travis_usda_1951_frames', 'bw/Travis/USDA_1951/frames/georef/03-22-51_4-2.tif', 'bw', '03-22-51_4-2', 'd838bd37b9964d9f11e5b281224817af', 16755, '2026-11-28 14:47:38+00', 'published', NULL, NULL, '03-22-51', '4', '2', '1951-03-22', '1951-03-22', '03-22-51_4-2', '7996dde33d7fda76d26efd5f04255e360a72ab8e52f2c35a8ca52022b451092c', '1740adb839ed1ff9c7ab1a3a638cc3a7170372035e1d93e194d596ba94b84c23', 'bw/Travis/USDA_1951/frames/cog/03-22-51_4-2.4880748be478.tif', 2511, 'bfaee2300a8a545a81eb488c03c90ab576a91a49eb3f12df5235ecf7f51440fd', '0103000020110F000001000000050000000000000012CA64C100000000F0B34A410000000012CA64C10000000070B34A4100000000F2C964C10000000070B34A4100000000F2C964C100000000F0B34A410000000012CA64C100000000F0B34A41', 128, 128, 2, 'EPSG:3857', 'none', 0.054, 1, '2026-11-28 14:47:38.112789+00', NULL, NULL, '2026-11-28 14:47:38.112789+00', '2026-11-28 14:47:39.930372+00', '2026-11-28 14:47:41.998373+00', '2026-11-28 14:47:41.998373+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (3, 'travis_usda_1951_frames', 'bw/Travis/USDA_1951/frames/georef/03-22-51_4-3.tif', 'bw', '03-22-51_4-3', '4b708680206519ea50378359f6924dcf', 16755, '2026-11-28 14:47:38+00', 'published', NULL, NULL, '03-22-51', '4', '3', '1951-03-22', '1951-03-22', '03-22-51_4-3', '56a7409389e5214029486b6342cc889f40221b1104b0bb0ea18f57adf1d28ca5', '1740adb839ed1ff9c7ab1a3a638cc3a7170372035e1d93e194d596ba94b84c23', 'bw/Travis/USDA_1951/frames/cog/03-22-51_4-3.3a26ec483895.tif', 2511, 'c09c92b0f68e4c675d7568870470cdddec49f1ace1b5ea3df8fc9adedb205c90', '0103000020110F0000010000000500000000000000F9C964C100000000F0B34A4100000000F9C964C10000000070B34A4100000000D9C964C10000000070B34A4100000000D9C964C100000000F0B34A4100000000F9C964C100000000F0B34A41', 128, 128, 2, 'EPSG:3857', 'none', 0.024, 1, '2026-11-28 14:47:38.112789+00', NULL, NULL, '2026-11-28 14:47:38.112789+00', '2026-11-28 14:47:39.836132+00', '2026-11-28 14:47:41.998373+00', '2026-11-28 14:47:41.998373+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (1, 'travis_usda_1951_frames', 'bw/Travis/USDA_1951/frames/georef/03-22-51_4-1.tif', 'bw', '03-22-51_4-1', 'c17656a058c944968271dc1e67eb1fc2', 16755, '2026-11-28 14:47:42+00', 'published', NULL, NULL, '03-22-51', '4', '1', '1951-03-22', '1951-03-22', '03-22-51_4-1', 'e5aa9c6442a71eca509d38d836b72e84f030fb8a4c3bbef3f7c068a0c430f7d2', '1740adb839ed1ff9c7ab1a3a638cc3a7170372035e1d93e194d596ba94b84c23', 'bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.df467a239e5c.tif', 2510, '595dc4321daafb7bf3a4150852e19da6157d2943e0f17806b2c0655f327985f5', '0103000020110F00000100000005000000000000002BCA64C100000000F0B34A41000000002BCA64C10000000070B34A41000000000BCA64C10000000070B34A41000000000BCA64C100000000F0B34A41000000002BCA64C100000000F0B34A41', 128, 128, 2, 'EPSG:3857', 'none', 0.053, 1, '2026-11-28 14:47:42.023848+00', NULL, NULL, '2026-11-28 14:47:42.023848+00', '2026-11-28 14:47:43.104179+00', '2026-11-28 14:47:45.135869+00', '2026-11-28 14:47:45.135869+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (5, 'travis_usda_1951_frames', 'bw/Travis/USDA_1951/frames/georef/03-22-51_4-4.tif', 'bw', '03-22-51_4-4', '992688ee7cde1817d03f890359ebae42', 16755, '2026-11-28 14:47:45+00', 'failed', NULL, 'taken back by a rollback; upload it again, or start a backfill with force', '03-22-51', '4', '4', '1951-03-22', '1951-03-22', '03-22-51_4-4', '48f1686cb3fcbf0dda96c77e2ca83a2c170fa20355f964e42a63b9e783be43c3', '1740adb839ed1ff9c7ab1a3a638cc3a7170372035e1d93e194d596ba94b84c23', 'bw/Travis/USDA_1951/frames/cog/03-22-51_4-4.3054c3a79388.tif', 2511, '38ff1c7d3fa3266d4490f9cfba368da88822508d6499c82b37b817a8cf73a8e1', '0103000020110F0000010000000500000000000000E0C964C100000000F0B34A4100000000E0C964C10000000070B34A4100000000C0C964C10000000070B34A4100000000C0C964C100000000F0B34A4100000000E0C964C100000000F0B34A41', 128, 128, 2, 'EPSG:3857', 'none', 0.057, 1, 'infinity', NULL, NULL, '2026-11-28 14:47:45.212138+00', '2026-11-28 14:47:46.353841+00', '2026-11-28 14:47:48.112937+00', '2026-11-28 14:47:48.121127+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (8, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-3.tif', 'bw', '03-22-51_4-3', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'published', NULL, NULL, '03-22-51', '4', '3', '1951-03-22', '1951-03-22', '03-22-51_4-3', 'b15e723aca8e06ca5619e397050a6a689d0e4e402faf5eee6b381159ed0ba6dd', 'recipe', 'bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-3.b15e723aca8e.tif', 91, 'b15e723aca8e06ca5619e397050a6a689d0e4e402faf5eee6b381159ed0ba6dd', '0103000020110F0000010000000500000000000000A7C664C100000000F0B34A4100000000A7C664C100000000E4B54A410000000024C764C100000000E4B54A410000000024C764C100000000F0B34A4100000000A7C664C100000000F0B34A41', 10, 10, 1, 'EPSG:26914', 'none', 0.5, 1, '2026-11-28 14:47:50.121835+00', NULL, NULL, '2026-11-28 14:47:50.121835+00', '2026-11-28 14:47:50.197162+00', '2026-11-28 14:47:50.467134+00', '2026-11-28 14:47:50.467134+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (6, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-1.tif', 'bw', '03-22-51_4-1', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'arrived', NULL, NULL, '03-22-51', '4', '1', '1951-03-22', '1951-03-22', '03-22-51_4-1', '51b767afdbbbe66d682967d0eaa75d9b503823c1e5a6448b9fac1c15261ab38d', 'recipe', 'bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-1.51b767afdbbb.tif', 91, '51b767afdbbbe66d682967d0eaa75d9b503823c1e5a6448b9fac1c15261ab38d', '0103000020110F00000100000005000000000000006FC764C100000000F0B34A41000000006FC764C100000000E4B54A4100000000ECC764C100000000E4B54A4100000000ECC764C100000000F0B34A41000000006FC764C100000000F0B34A41', 10, 10, 1, 'EPSG:26914', 'none', 0.5, 0, 'infinity', NULL, NULL, '2026-11-28 14:47:50.532152+00', '2026-11-28 14:47:50.150551+00', '2026-11-28 14:47:50.467134+00', '2026-11-28 14:47:50.532152+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (13, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-15.tif', 'bw', '03-22-51_4-15', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'arrived', NULL, NULL, '03-22-51', '4', '15', '1951-03-22', '1951-03-22', '03-22-51_4-15', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (14, NULL, 'bw/ElPaso/TxDOT_1985/frames/georef/odd name.tif', NULL, NULL, '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'rejected', 'bad_name', '''odd name'' is not <date>_<roll>-<frame>', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (7, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-2.tif', 'bw', '03-22-51_4-2', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'withdrawn', NULL, 'the upload was deleted', '03-22-51', '4', '2', '1951-03-22', '1951-03-22', '03-22-51_4-2', 'e71375920ff4bd4e15e2e6b499f13ed0e887b4e78fa11ae9b8f5ea690a450054', 'recipe', 'bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-2.e71375920ff4.tif', 91, 'e71375920ff4bd4e15e2e6b499f13ed0e887b4e78fa11ae9b8f5ea690a450054', '0103000020110F00000100000005000000000000000BC764C100000000F0B34A41000000000BC764C100000000E4B54A410000000088C764C100000000E4B54A410000000088C764C100000000F0B34A41000000000BC764C100000000F0B34A41', 10, 10, 1, 'EPSG:26914', 'none', 0.5, 1, '2026-11-28 14:47:50.121835+00', NULL, NULL, '2026-11-28 14:47:50.121835+00', '2026-11-28 14:47:50.161311+00', '2026-11-28 14:47:50.467134+00', '2026-11-28 14:47:50.784197+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (9, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-11.tif', 'bw', '03-22-51_4-11', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'building', NULL, NULL, '03-22-51', '4', '11', '1951-03-22', '1951-03-22', '03-22-51_4-11', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, '2026-11-28 14:47:50.764786+00', 'gone', '2026-11-28 14:47:51.785796+00', '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.785796+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (10, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-12.tif', 'bw', '03-22-51_4-12', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'failed', NULL, 'OSError: no space left', '03-22-51', '4', '12', '1951-03-22', '1951-03-22', '03-22-51_4-12', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, '2026-11-28 14:49:50.788981+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.788981+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (11, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-13.tif', 'bw', '03-22-51_4-13', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'rejected', 'no_crs', 'no coordinate system', '03-22-51', '4', '13', '1951-03-22', '1951-03-22', '03-22-51_4-13', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.789595+00', NULL);
INSERT INTO cogmill.frame OVERRIDING SYSTEM VALUE VALUES (12, 'elpaso_txdot_1985_frames', 'bw/ElPaso/TxDOT_1985/frames/georef/03-22-51_4-14.tif', 'bw', '03-22-51_4-14', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', 'built', NULL, NULL, '03-22-51', '4', '14', '1951-03-22', '1951-03-22', '03-22-51_4-14', '5555555555555555555555555555555555555555555555555555555555555555', 'recipe', 'bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-14.0123456789ab.tif', 10, '6666666666666666666666666666666666666666666666666666666666666666', '0103000020110F000001000000050000000000000017C564C100000000F0B34A410000000017C564C100000000E4B54A410000000094C564C100000000E4B54A410000000094C564C100000000F0B34A410000000017C564C100000000F0B34A41', 10, 10, 1, 'EPSG:26914', 'none', 0.5, 1, '2026-11-28 14:47:50.764786+00', NULL, NULL, '2026-11-28 14:47:50.764786+00', '2026-11-28 14:47:50.790678+00', NULL, '2026-11-28 14:47:50.790678+00', NULL);
INSERT INTO cogmill.migration VALUES ('0001_ledger', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.migration VALUES ('0002_upkeep', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.migration VALUES ('0003_revisions', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.migration VALUES ('0004_backfills', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.migration VALUES ('0005_browse', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.migration VALUES ('0006_service_facts', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.migration VALUES ('0007_return', '2026-11-28 14:47:33.883378+00');
INSERT INTO cogmill.publication VALUES ('travis_usda_1951_frames', 1, 'cb8f95b209cb2d502e20b619499b4fd6252619897a14d74ccab923d11c499917', '2026-11-28 14:47:41.998373+00');
INSERT INTO cogmill.publication VALUES ('travis_usda_1951_frames', 2, 'cb8f95b209cb2d502e20b619499b4fd6252619897a14d74ccab923d11c499917', '2026-11-28 14:47:45.135869+00');
INSERT INTO cogmill.publication VALUES ('travis_usda_1951_frames', 3, '656f95faadc9378a3ef4a1581b71d60e5c25d3936035a5390ed025c5b79123f6', '2026-11-28 14:47:48.112937+00');
INSERT INTO cogmill.publication VALUES ('travis_usda_1951_frames', 4, 'cb8f95b209cb2d502e20b619499b4fd6252619897a14d74ccab923d11c499917', '2026-11-28 14:47:50.033565+00');
INSERT INTO cogmill.publication VALUES ('elpaso_txdot_1985_frames', 1, '73da8dfee0c9ea9e2e926b949164a7ace151a9ced67271b39bb0e6e0d05b6d31', '2026-11-28 14:47:50.467134+00');
INSERT INTO cogmill.retired_cog VALUES ('bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.92cd9a7a7e72.tif', 1, '2026-11-28 14:47:43.124121+00');
INSERT INTO cogmill.retired_cog VALUES ('bw/Travis/USDA_1951/frames/cog/03-22-51_4-4.3054c3a79388.tif', 5, '2026-11-28 14:47:48.121127+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-1.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-1', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', true, '2026-11-28 14:47:50.128548+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-2.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-2', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', true, '2026-11-28 14:47:50.128548+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-3.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-3', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', true, '2026-11-28 14:47:50.128548+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-11.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-11', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', false, '2026-11-28 14:47:50.780116+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-12.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-12', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', false, '2026-11-28 14:47:50.780116+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-13.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-13', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', false, '2026-11-28 14:47:50.780116+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-14.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-14', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', false, '2026-11-28 14:47:50.780116+00');
INSERT INTO cogmill.scan VALUES ('bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-15.tif', 'elpaso_txdot_1985_frames', 'bw', '03-22-51_4-15', '9dd4e461268c8034f5c8564e155c67a6', 1, '2026-11-28 14:47:50+00', false, '2026-11-28 14:47:50.780116+00');
INSERT INTO cogmill.sweep VALUES (true, '2026-11-28 13:47:50+00', '2026-11-28 14:47:38+00');
INSERT INTO cogmill.tile_index VALUES (2, '/vsis3/archive/bw/Travis/USDA_1951/frames/cog/03-22-51_4-2.4880748be478.tif', 'EPSG:3857', '03-22-51', '4', '2', NULL, 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/03-22-51_4-2.4880748be478.tif', 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames_idx.zip', '0103000020110F000001000000050000000000000012CA64C100000000F0B34A410000000012CA64C10000000070B34A4100000000F2C964C10000000070B34A4100000000F2C964C100000000F0B34A410000000012CA64C100000000F0B34A41', 'travis_usda_1951_frames', '1951-03-22');
INSERT INTO cogmill.tile_index VALUES (3, '/vsis3/archive/bw/Travis/USDA_1951/frames/cog/03-22-51_4-3.3a26ec483895.tif', 'EPSG:3857', '03-22-51', '4', '3', NULL, 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/03-22-51_4-3.3a26ec483895.tif', 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames_idx.zip', '0103000020110F0000010000000500000000000000F9C964C100000000F0B34A4100000000F9C964C10000000070B34A4100000000D9C964C10000000070B34A4100000000D9C964C100000000F0B34A4100000000F9C964C100000000F0B34A41', 'travis_usda_1951_frames', '1951-03-22');
INSERT INTO cogmill.tile_index VALUES (1, '/vsis3/archive/bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.df467a239e5c.tif', 'EPSG:3857', '03-22-51', '4', '1', NULL, 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/03-22-51_4-1.df467a239e5c.tif', 'http://127.0.0.1:9000/cogmill/bw/Travis/USDA_1951/frames/cog/tile_index/Travis_USDA_1951_frames_idx.zip', '0103000020110F00000100000005000000000000002BCA64C100000000F0B34A41000000002BCA64C10000000070B34A41000000000BCA64C10000000070B34A41000000000BCA64C100000000F0B34A41000000002BCA64C100000000F0B34A41', 'travis_usda_1951_frames', '1951-03-22');
INSERT INTO cogmill.tile_index VALUES (7, '/vsis3/archive/bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-2.e71375920ff4.tif', 'EPSG:3857', '03-22-51', '4', '2', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-2.tif', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-2.e71375920ff4.tif', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/cog/tile_index/ElPaso_TxDOT_1985_frames_idx.zip', '0103000020110F00000100000005000000000000000BC764C100000000F0B34A41000000000BC764C100000000E4B54A410000000088C764C100000000E4B54A410000000088C764C100000000F0B34A41000000000BC764C100000000F0B34A41', 'elpaso_txdot_1985_frames', '1951-03-22');
INSERT INTO cogmill.tile_index VALUES (8, '/vsis3/archive/bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-3.b15e723aca8e.tif', 'EPSG:3857', '03-22-51', '4', '3', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/scanned/03-22-51_4-3.tif', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/cog/03-22-51_4-3.b15e723aca8e.tif', 'http://127.0.0.1:9000/cogmill/bw/ElPaso/TxDOT_1985/frames/cog/tile_index/ElPaso_TxDOT_1985_frames_idx.zip', '0103000020110F0000010000000500000000000000A7C664C100000000F0B34A4100000000A7C664C100000000E4B54A410000000024C764C100000000E4B54A410000000024C764C100000000F0B34A4100000000A7C664C100000000F0B34A41', 'elpaso_txdot_1985_frames', '1951-03-22');
SELECT pg_catalog.setval('cogmill.former_row_id_seq', 10, true);
SELECT pg_catalog.setval('cogmill.frame_id_seq', 14, true);
ALTER TABLE ONLY cogmill.backfill_frame
    ADD CONSTRAINT backfill_frame_pkey PRIMARY KEY (backfill_id, frame_id);
ALTER TABLE ONLY cogmill.backfill
    ADD CONSTRAINT backfill_pkey PRIMARY KEY (id);
ALTER TABLE ONLY cogmill.collection
    ADD CONSTRAINT collection_pkey PRIMARY KEY (id);
ALTER TABLE ONLY cogmill.collection
    ADD CONSTRAINT collection_service_name_key UNIQUE (service_name);
ALTER TABLE ONLY cogmill.finding
    ADD CONSTRAINT finding_pkey PRIMARY KEY (kind, subject);
ALTER TABLE ONLY cogmill.former_cog
    ADD CONSTRAINT former_cog_pkey PRIMARY KEY (key);
ALTER TABLE ONLY cogmill.former_row
    ADD CONSTRAINT former_row_pkey PRIMARY KEY (id);
ALTER TABLE ONLY cogmill.frame
    ADD CONSTRAINT frame_pkey PRIMARY KEY (id);
ALTER TABLE ONLY cogmill.frame
    ADD CONSTRAINT frame_source_key_key UNIQUE (source_key);
ALTER TABLE ONLY cogmill.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY cogmill.publication
    ADD CONSTRAINT publication_pkey PRIMARY KEY (collection_id, revision);
ALTER TABLE ONLY cogmill.retired_cog
    ADD CONSTRAINT retired_cog_pkey PRIMARY KEY (key);
ALTER TABLE ONLY cogmill.scan
    ADD CONSTRAINT scan_pkey PRIMARY KEY (key);
ALTER TABLE ONLY cogmill.sweep
    ADD CONSTRAINT sweep_pkey PRIMARY KEY (single);
ALTER TABLE ONLY cogmill.tile_index
    ADD CONSTRAINT tile_index_pkey PRIMARY KEY (oid);
CREATE INDEX backfill_frame_waiting ON cogmill.backfill_frame USING btree (backfill_id, place) WHERE (outcome IS NULL);
CREATE INDEX former_row_of_collection ON cogmill.former_row USING btree (collection_id, revision, id);
CREATE INDEX frame_audit ON cogmill.frame USING btree (audited_at NULLS FIRST, id) WHERE (state = 'published'::text);
CREATE INDEX frame_by_scan ON cogmill.frame USING btree (collection_id, bands, scan_stem);
CREATE INDEX frame_by_stem ON cogmill.frame USING btree (collection_id, bands, stem);
CREATE INDEX frame_of_collection ON cogmill.frame USING btree (collection_id, state);
CREATE INDEX frame_rejected ON cogmill.frame USING btree (changed_at DESC, id DESC) WHERE (state = 'rejected'::text);
CREATE INDEX frame_unfinished ON cogmill.frame USING btree (next_try_at) WHERE (state = ANY (ARRAY['arrived'::text, 'building'::text, 'built'::text, 'failed'::text]));
CREATE INDEX scan_by_stem ON cogmill.scan USING btree (collection_id, bands, stem);
CREATE INDEX scan_unlinked ON cogmill.scan USING btree (collection_id) WHERE (NOT linked);
CREATE INDEX tile_index_days ON cogmill.tile_index USING btree (collection_id, acquired);
CREATE INDEX tile_index_geom ON cogmill.tile_index USING gist (collection_id, geom);
CREATE INDEX tile_index_newest ON cogmill.tile_index USING btree (collection_id, oid);
CREATE INDEX tile_index_order ON cogmill.tile_index USING btree (collection_id, location);
CREATE TRIGGER grow_inserted AFTER INSERT ON cogmill.tile_index REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.grow_extent();
CREATE TRIGGER grow_updated AFTER UPDATE ON cogmill.tile_index REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.grow_extent();
CREATE TRIGGER keep_deleted AFTER DELETE ON cogmill.tile_index REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.keep_former_rows();
CREATE TRIGGER keep_former_cog AFTER UPDATE OF cog_key ON cogmill.frame FOR EACH ROW WHEN (((old.cog_key IS NOT NULL) AND (old.cog_key IS DISTINCT FROM new.cog_key))) EXECUTE FUNCTION cogmill.keep_former_cog();
CREATE TRIGGER keep_inserted AFTER INSERT ON cogmill.tile_index REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.keep_former_rows();
CREATE TRIGGER keep_updated AFTER UPDATE ON cogmill.tile_index REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.keep_former_rows();
CREATE TRIGGER note_publication AFTER UPDATE OF mapfile_sha256, mapfile_revision ON cogmill.collection FOR EACH ROW WHEN ((new.mapfile_sha256 IS NOT NULL)) EXECUTE FUNCTION cogmill.note_publication();
CREATE TRIGGER shrink_deleted AFTER DELETE ON cogmill.tile_index REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.shrink_extent();
CREATE TRIGGER shrink_updated AFTER UPDATE ON cogmill.tile_index REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION cogmill.shrink_extent();
ALTER TABLE ONLY cogmill.backfill_frame
    ADD CONSTRAINT backfill_frame_backfill_id_fkey FOREIGN KEY (backfill_id) REFERENCES cogmill.backfill(id) ON DELETE CASCADE;
ALTER TABLE ONLY cogmill.backfill_frame
    ADD CONSTRAINT backfill_frame_frame_id_fkey FOREIGN KEY (frame_id) REFERENCES cogmill.frame(id);
ALTER TABLE ONLY cogmill.former_cog
    ADD CONSTRAINT former_cog_frame_id_fkey FOREIGN KEY (frame_id) REFERENCES cogmill.frame(id);
ALTER TABLE ONLY cogmill.frame
    ADD CONSTRAINT frame_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES cogmill.collection(id);
ALTER TABLE ONLY cogmill.publication
    ADD CONSTRAINT publication_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES cogmill.collection(id);
ALTER TABLE ONLY cogmill.retired_cog
    ADD CONSTRAINT retired_cog_frame_id_fkey FOREIGN KEY (frame_id) REFERENCES cogmill.frame(id);
ALTER TABLE ONLY cogmill.scan
    ADD CONSTRAINT scan_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES cogmill.collection(id);
ALTER TABLE ONLY cogmill.tile_index
    ADD CONSTRAINT tile_index_collection_id_fkey FOREIGN KEY (collection_id) REFERENCES cogmill.collection(id);
ALTER TABLE ONLY cogmill.tile_index
    ADD CONSTRAINT tile_index_oid_fkey FOREIGN KEY (oid) REFERENCES cogmill.frame(id);
GRANT USAGE ON SCHEMA cogmill TO cogmill_writer;
GRANT USAGE ON SCHEMA cogmill TO cogmill_reader;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.backfill TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.backfill_frame TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.collection TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.finding TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.former_cog TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.former_row TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.frame TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.migration TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.publication TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.retired_cog TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.scan TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.sweep TO cogmill_writer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE cogmill.tile_index TO cogmill_writer;
GRANT SELECT ON TABLE cogmill.tile_index TO cogmill_reader;
