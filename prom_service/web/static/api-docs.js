// Draws the API document with Swagger UI, which this service carries itself.
"use strict";

window.addEventListener("DOMContentLoaded", () => {
  const place = document.getElementById("docs");
  window.SwaggerUIBundle({
    url: place.dataset.document,
    domNode: place,
    deepLinking: true,
    tryItOutEnabled: true,
    validatorUrl: null,
  });
});
