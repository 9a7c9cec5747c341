// The reference at /api/docs: Swagger UI over our own document, in the colours that the reader's system prefers.
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const paint = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", paint);
paint();
SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#reference",
  presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
  deepLinking: true,
  docExpansion: "list",
  persistAuthorization: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
