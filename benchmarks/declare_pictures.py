"""Draw the equations of the three declared problems of the library as `docs/equations/*.png`, as notebooks show them.

    npm install mathjax@3 && python benchmarks/declare_pictures.py node_modules/mathjax

MathJax typesets `problem._repr_latex_()` in Chromium. Each picture carries the LaTeX that it shows in its text chunk
`equations`; `tests/algebra/test_latex.py` holds that equal to what edgeopt prints today.
"""

from __future__ import annotations

import argparse
import html
import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, sync_playwright

import edgeopt as eo

DRAWN = {
    "model_caching": "model-caching/generated-small",
    "task_assignment": "task-assignment/area-small",
    "switching_splits": "switching-splits/generated-small",
}
"""Picture and the instance that it shows."""
FOLDER = Path(__file__).parents[1] / "docs" / "equations"
PAGE = """<meta charset="utf-8">
<style>body {{ margin: 0 }} #shown {{ display: inline-block; padding: 4px 16px }}</style>
<script src="file://{mathjax}/es5/tex-svg-full.js"></script><div id="shown">{equations}</div>"""


def drawn(page: Page, equations: str, mathjax: Path, folder: Path) -> bytes:
    """Return the picture of equations as a PNG file."""
    file = folder / "page.html"
    file.write_text(PAGE.format(mathjax=mathjax, equations=html.escape(equations)), encoding="utf-8")
    page.goto(file.as_uri())
    page.evaluate("MathJax.startup.promise")
    if page.locator("mjx-merror, [data-mjx-error]").count():
        raise ValueError(f"MathJax does not understand {equations}")
    return page.locator("#shown").screenshot()


def main() -> None:
    """Draw all pictures anew."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("mathjax", type=Path, help="folder of MathJax 3, as npm installs it")
    mathjax = parser.parse_args().mathjax.resolve()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        options = ["--no-sandbox", "--allow-file-access-from-files"]
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_page(device_scale_factor=2)
        for name, instance in DRAWN.items():
            equations = eo.instances.load(instance).problem._repr_latex_()
            about = PngImagePlugin.PngInfo()
            about.add_text("equations", equations)
            picture = Image.open(io.BytesIO(drawn(page, equations, mathjax, Path(folder)))).convert("L").quantize(16)
            picture.save(FOLDER / f"{name}.png", pnginfo=about, optimize=True)
        browser.close()


if __name__ == "__main__":
    main()
