"""MLOps Labs: a Jupyter-based onboarding kit that teaches MLOps by doing."""

__version__ = "0.1.0"
