"""What bodies and answers of the API look like: one schema for each body and direction, fields written out."""
