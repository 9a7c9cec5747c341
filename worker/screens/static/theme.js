// Runs before the first paint: a theme that was chosen here wins over the system's.
try {
  const theme = localStorage.getItem("daybook-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is forbidden: the system's theme stands.
}
