TRUNCATE listed, found;
