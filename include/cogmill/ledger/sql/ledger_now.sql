SELECT now() AS moment;
