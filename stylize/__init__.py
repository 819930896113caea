"""Using a trained style: pictures, folders and large pictures."""
