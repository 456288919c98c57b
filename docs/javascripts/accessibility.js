// What assistive technologies need and the theme leaves out.

function makeScrollableRegionsFocusable() {
  const regions = [...document.querySelectorAll(".md-typeset pre > code, .md-typeset__scrollwrap, .plots")];
  // Measure all before the first change: a change makes the next measurement lay out the page again.
  const scrollable = regions.map((region) => region.scrollWidth > region.clientWidth);
  regions.forEach((region, index) => {
    if (scrollable[index]) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
  });
}

function nameRegions() {
  document.querySelector(".md-search").setAttribute("aria-label", "Search");
  // Each landmark has a name, which no other one has.
  document.querySelectorAll(".md-nav .md-nav[aria-labelledby]").forEach((part, index) => {
    const label = document.getElementById(part.getAttribute("aria-labelledby")).textContent.trim();
    part.removeAttribute("aria-labelledby");
    part.setAttribute("aria-label", `Pages ${index + 1}: ${label}`);
  });
  document.querySelectorAll(".md-code__nav").forEach((part, index) => {
    part.setAttribute("aria-label", `Code ${index + 1}`);
  });
}

addEventListener("load", () => {
  nameRegions();
  // After the next frame, which lays out the page anyway.
  requestAnimationFrame(() => setTimeout(makeScrollableRegionsFocusable));
});
addEventListener("resize", makeScrollableRegionsFocusable);
