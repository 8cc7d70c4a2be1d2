"""Models of other packages: each is read into a program here, and takes the values of a solution back."""
