"""What the parameters of a problem are made of: costs today; layer tables, devices and channels later."""
