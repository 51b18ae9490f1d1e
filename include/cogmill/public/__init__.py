"""Static files for the public: pages, lists and catalogs, made of what the ledger and the site say. No input or output."""
