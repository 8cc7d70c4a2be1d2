"""Problems in and out: stored files, model files, models of other packages."""
