"""From words on a command line to arguments of an `api` function, by way of its signature."""
