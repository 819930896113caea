"""Where photographs and paintings come from: folders, globs, data sets, bundled files."""
