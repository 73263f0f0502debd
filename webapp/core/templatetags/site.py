"""Tags every page uses: the built frontend's files, icons, the chosen theme."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django import template
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.template.loader import render_to_string
from django.templatetags.static import PrefixNode
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

THEME_COOKIE = "lungsight_theme"
THEMES = ("dark", "light")


@register.simple_tag
def vite(*entries: str) -> SafeString:
    """Link the scripts of ``entries`` ("pages/site") and the styles they and their imports need, each once.

    The files are linked under the name Vite gave them, not through ``{% static %}``: a second hash would
    make the browser load modules twice.
    """
    manifest = _manifest(settings.FRONTEND_DIST / "manifest.json")
    styles: dict[str, None] = {}
    scripts: dict[str, None] = {}
    for entry in entries:
        key = f"src/{entry}.ts"
        if key not in manifest:
            raise ImproperlyConfigured(f"The built frontend has no {key}. Run: make install")
        scripts[manifest[key]["file"]] = None
        styles.update(dict.fromkeys(_styles(manifest, key, set())))
    root = f"{PrefixNode.handle_simple('STATIC_URL')}app/"
    links = format_html_join("\n", '<link rel="stylesheet" href="{}{}">', ((root, name) for name in styles))
    modules = format_html_join(
        "\n", '<script type="module" src="{}{}"></script>', ((root, name) for name in scripts)
    )
    return format_html("{}\n{}", links, modules)


@register.simple_tag
@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    """Draw one line icon. It is hidden from assistive technology: the word beside it speaks."""
    return mark_safe(render_to_string(f"core/icons/{name}.svg").strip())  # noqa: S308 (our own files)


@register.simple_tag(takes_context=True)
def theme(context: dict[str, Any]) -> str:
    """Return the theme this browser chose; dark unless it chose light."""
    request = context.get("request")
    chosen = request.COOKIES.get(THEME_COOKIE) if request else None
    return chosen if chosen in THEMES else THEMES[0]


@register.filter
def dash(value: Any) -> Any:
    """Show a missing value (None, or a key that is absent) as an en dash; a zero is a value."""
    return "–" if value is None or value == "" else value


@lru_cache(maxsize=2)
def _manifest(path: Path) -> dict[str, dict[str, Any]]:
    """Read the build once per process, as the static files are: a later build waits for a restart."""
    try:
        found: dict[str, dict[str, Any]] = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ImproperlyConfigured("The frontend is not built. Run: make install") from error
    return found


def _styles(manifest: dict[str, dict[str, Any]], key: str, seen: set[str]) -> list[str]:
    """Return the style sheets of a chunk and its imports; shared ones first, so that a page's own win."""
    seen.add(key)
    chunk = manifest[key]
    found = list(chunk.get("css", []))
    for other in chunk.get("imports", []):
        if other not in seen:
            found += _styles(manifest, other, seen)
    shared = {part["file"] for name, part in manifest.items() if name.startswith("_")}
    return sorted(found, key=lambda name: name not in shared)
