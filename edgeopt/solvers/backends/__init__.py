"""Parts of the adapters to other packages."""
