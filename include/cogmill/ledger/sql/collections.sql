SELECT id, service_name, folder, agency, year, product FROM cogmill.collection ORDER BY id;
