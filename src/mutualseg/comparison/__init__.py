"""Several methods, label amounts and seeds on one data set, as rows of one table."""
