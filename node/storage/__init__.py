"""The home's database: one SQLite file, one writer thread, and one module per kind of row."""
