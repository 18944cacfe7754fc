// JupyterLab's server answers this address with where its lessons are.
// On any other site there is no JupyterLab to open a lesson in.
window.labsServer = null;
