"""The course machinery: manifest, notebooks, workspace, tests and book."""
