"""Small widgets that every tab shares. They know the theme's names, nothing of jobs or datasets."""
