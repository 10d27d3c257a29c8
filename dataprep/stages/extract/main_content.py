"""Turn HTML pages into the text of their main content."""

from __future__ import annotations

from functools import cache
from typing import Annotated, ClassVar

import pyarrow as pa
from pydantic import Field

from dataprep import schema
from dataprep.documents import Documents
from dataprep.sandbox import Sandbox
from dataprep.stage import Example, Map

_REASONS = {"timeout": "timeout", "crashed": "crashed"}


class MainContent(Map):
    """Replace `text` by the main content of `html`, and remove `html`. Used through `extract_html`, which documents
    the settings. Gives `extract_error`, the reason why a page gave no text.
    """

    packages: ClassVar[tuple[str, ...]] = ("resiliparse",)

    main_content: bool = True
    """Leave out navigation, sidebars, footers; otherwise take everything visible."""
    seconds_per_page: Annotated[float, Field(gt=0)] = 5.0
    """CPU time after which a page is given up."""
    list_bullets: bool = True
    """Put bullets and numbers before list items."""
    alt_texts: bool = False
    """Take the alternative texts of images."""
    links: bool = False
    """Write the target after each link."""
    form_fields: bool = False
    """Take form fields and their values."""
    noscript: bool = False
    """Take what is shown only without JavaScript."""
    comments: bool = True
    """Take comment sections as main content."""

    examples: ClassVar[tuple[Example, ...]] = (
        Example(
            {},
            {
                "html": [
                    "<nav><a href=/>Home</a></nav><main><h1>Tea</h1><p>Pour it.<br>Wait.</main><footer>© us</footer>",
                    None,
                    "<script>let x = 1</script>",
                ],
                "text": ["", "plain", ""],
            },
            {"text": ["Tea\n\nPour it.\nWait.", "plain", ""], "extract_error": [None, None, None]},
        ),
        Example(
            {"main_content": False},
            {"html": ["<nav>首页</nav><main><p>茶，要慢慢喝。</main>"]},
            {"text": ["首页\n\n茶，要慢慢喝。"], "extract_error": [None]},
        ),
    )

    def gives(self) -> dict[str, pa.DataType | None]:
        return {schema.TEXT: pa.large_string(), schema.HTML: None, schema.EXTRACT_ERROR: pa.string()}

    def columns(self, docs: Documents) -> dict[str, pa.Array]:
        if schema.HTML not in docs:
            return {schema.TEXT: docs[schema.TEXT], schema.EXTRACT_ERROR: pa.nulls(len(docs), pa.string())}
        pages = docs[schema.HTML].cast(pa.large_binary())
        results = _sandbox(self).map(page.as_py() for page in pages if page.is_valid)
        texts: list[bytes] = []
        errors: list[str | None] = []
        for page, text in zip(pages, docs[schema.TEXT].cast(pa.large_binary()), strict=True):
            if page.is_valid:
                value, error = next(results)
                texts.append(value or b"")
                errors.append(None if error is None else _REASONS.get(error, "failed"))
            else:
                texts.append(text.as_py())
                errors.append(None)
        return {
            schema.TEXT: pa.array(texts, pa.large_binary()).cast(pa.large_string()),
            schema.EXTRACT_ERROR: pa.array(errors, pa.string()),
        }


@cache
def _sandbox(stage: MainContent) -> Sandbox:
    return Sandbox(
        "dataprep.text.page:page_text", stage.seconds_per_page, stage.model_dump(exclude={"seconds_per_page"})
    )
