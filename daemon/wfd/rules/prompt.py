"""A prompt: a job type's template, filled with values."""

import traceback
from collections.abc import Mapping
from functools import lru_cache

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError
from jinja2 import Template as JinjaTemplate
from jinja2.sandbox import ImmutableSandboxedEnvironment

from wfd.domain.errors import Broken
from wfd.domain.template import Template
from wfd.rules import frontmatter
from wfd.rules.hand_off import HandOff, hand_off_words
from wfd.rules.quote import quote
from wfd.rules.values import pm_values, values_for

__all__ = ["parse_template", "pm_values", "render", "values_for"]

_FILE = "<template>"  # what jinja calls a template that came from a string

# Text goes to an agent, not to a browser: nothing is escaped, and what is not ours is quoted.
# There is no loader, so a template is one file and reads no other.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    autoescape=False, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters["quote"] = quote


def parse_template(type: str, path: str, text: str) -> Template:
    """The template of a job type from the text of its file.

    Raises Broken with file, line and reason for bad front matter or bad template syntax.
    """
    front = frontmatter.read(path, text)
    template = Template(
        type=type,
        path=path,
        body=front.body,
        body_line=front.body_line,
        writes=front.writes,
        checks=front.checks,
        verdict=front.verdict,
        fresh_session=front.fresh_session,
        labels=front.labels,
        capabilities=front.capabilities,
    )
    try:
        _ENVIRONMENT.parse(_source(template))
    except TemplateSyntaxError as error:
        raise Broken(f"{path}:{error.lineno}: {error.message}") from None
    return template


def render(
    template: Template, values: Mapping[str, object], hand_off: HandOff | None = None
) -> str:
    """The prompt, which begins with a word. Raises Broken with file, line and reason.

    A hand-off stands below it, whatever its type.
    """
    try:
        text = _compiled(_source(template)).render(values)
    except TemplateSyntaxError as error:
        raise Broken(f"{template.path}:{error.lineno}: {error.message}") from None
    except TemplateError as error:
        raise Broken(f"{template.path}:{_line(error)}: {error.message}") from None
    except Exception as error:
        # a template may compute, and so may fail in any way that an expression can
        where = f"{template.path}:{_line(error)}"
        raise Broken(f"{where}: {type(error).__name__}: {error}") from error
    if hand_off is not None:
        text = f"{text.rstrip()}\n\n{hand_off_words(hand_off)}"
    return _opened_by_a_word(template, _encodable(text).strip())


@lru_cache(maxsize=64)
def _compiled(source: str) -> JinjaTemplate:
    return _ENVIRONMENT.from_string(source)


def _source(template: Template) -> str:
    """The body on the lines that it has in its file, so that errors count as an editor does."""
    return "\n" * (template.body_line - 1) + template.body


def _opened_by_a_word(template: Template, text: str) -> str:
    if not text:
        raise Broken(f"{template.path}: the prompt is empty")
    # claude takes what begins with a slash for one of its commands, and never asks the model
    return f"{text}\n" if text[0].isalnum() else f"Your task:\n\n{text}\n"


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # JSON can smuggle in half a character


def _line(error: Exception) -> int:
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == _FILE), 1)
