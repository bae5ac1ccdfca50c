from __future__ import annotations

import re

import pytest
from PySide6.QtGui import QAction

from arny_studio.ui.icons import ICONS_DIR, pixmap
from arny_studio.ui.settings import SettingsStore
from arny_studio.ui.tab import TABS
from arny_studio.ui.theme import STYLE_SHEET, ThemeSwitcher, contrast, load_theme, palette, style_sheet

# Every pair of text and ground that the style sheet or a delegate brings together.
READ_ON = [
    ("text", ground)
    for ground in (
        "window", "rail", "surface", "surface_sunken", "surface_hover", "surface_pressed", "surface_selected",
        "danger_soft", "warning_soft", "success_soft", "accent_soft", "bubble_user", "bubble_assistant", "bubble_system",
    )
] + [
    ("text_muted", "window"), ("text_muted", "rail"), ("text_muted", "surface"), ("text_muted", "surface_pressed"),
    ("text_muted", "surface_hover"), ("text_muted", "accent_soft"), ("text_muted", "danger_soft"),
    ("text_muted", "warning_soft"), ("text_muted", "bubble_assistant"),
    ("on_accent", "accent"), ("on_accent", "accent_hover"), ("on_accent", "accent_pressed"), ("on_danger", "danger"),
    ("accent_text", "surface"), ("accent_text", "window"), ("accent_text", "accent_soft"),
    ("accent_text", "surface_selected"), ("accent_text", "surface_hover"),
    ("success", "success_soft"), ("success", "surface"), ("warning", "warning_soft"), ("warning", "surface"),
    ("danger", "danger_soft"), ("danger", "surface"), ("system", "system_soft"), ("system", "surface"),
]  # fmt: skip


@pytest.mark.parametrize("name", ["light", "dark"])
def test_that_text_keeps_its_contrast_on_every_ground(name):
    theme = load_theme(name)
    ratios = {pair: contrast(theme.color(pair[0]), theme.color(pair[1])) for pair in READ_ON}
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("name", ["light", "dark"])
def test_that_focus_and_plot_lines_stand_out_from_their_ground(name):
    theme = load_theme(name)
    lines = ["focus", *(f"series_{number}" for number in range(1, 7))]
    assert [role for role in lines if contrast(theme.color(role), theme.color("surface")) < 3] == []


def test_that_both_themes_have_the_same_roles():
    assert load_theme("light").colors.keys() == load_theme("dark").colors.keys()


@pytest.mark.parametrize("name", ["light", "dark"])
def test_that_every_token_of_the_style_sheet_is_filled_in(name, tmp_path):
    sheet = style_sheet(load_theme(name), tmp_path)
    assert "@" not in sheet
    drawings = re.findall(r'url\(".*/(.*?)"\)', sheet)
    assert drawings
    assert all((tmp_path / found).is_file() for found in drawings)


def test_that_a_token_nobody_defined_is_an_error(tmp_path, monkeypatch):
    wrong = tmp_path / "style.qss"
    wrong.write_text("QLabel { color: @no_such_role; }")
    monkeypatch.setattr("arny_studio.ui.theme.STYLE_SHEET", wrong)
    with pytest.raises(KeyError, match="no_such_role"):
        style_sheet(load_theme("light"), tmp_path)


def test_that_the_palette_follows_the_theme():
    light, dark = (palette(load_theme(name)) for name in ("light", "dark"))
    assert light.window().color().lightness() > 200 > 60 > dark.window().color().lightness()


def test_that_switching_the_theme_recolours_app_and_icons(qapp, qtbot):
    switcher = ThemeSwitcher(qapp, "light")
    action = QAction()
    switcher.dress(action, "play")
    before = action.icon().pixmap(16, 16).toImage()
    with qtbot.waitSignal(switcher.theme_changed) as caught:
        switcher.set_mode("dark")
    assert caught.args[0].is_dark
    assert action.icon().pixmap(16, 16).toImage() != before
    assert load_theme("dark").colors["window"] in qapp.styleSheet()


def test_that_a_dressed_thing_may_go_away_before_the_theme_changes(qapp):
    switcher = ThemeSwitcher(qapp, "light")
    action = QAction()
    switcher.dress(action, "play")
    del action
    switcher.set_mode("dark")
    assert switcher.current.is_dark


@pytest.mark.parametrize("path", sorted(ICONS_DIR.glob("*.svg")), ids=lambda path: path.stem)
def test_that_an_icon_draws_something(qapp, path):
    image = pixmap(path.stem, "#123456", 24).toImage()
    assert any(image.pixelColor(x, y).alpha() for x in range(24) for y in range(24))


def test_that_every_tab_has_its_icon():
    assert all((ICONS_DIR / f"{place.icon}.svg").is_file() for place in TABS)


def test_that_the_style_sheet_names_no_colour_of_its_own():
    assert re.findall(r"#[0-9a-fA-F]{6}\b", STYLE_SHEET.read_text()) == []


def test_that_settings_survive_and_damaged_ones_count_as_empty(tmp_path):
    store = SettingsStore(tmp_path)
    store.change(theme="dark", tab="chat")
    store.remember_dataset(tmp_path / "a.jsonl")
    assert SettingsStore(tmp_path).values == store.values
    (tmp_path / "settings.json").write_text('{"theme": "purple"')
    assert SettingsStore(tmp_path).values.theme == "system"


def test_that_settings_that_cannot_be_written_do_not_stop_the_app(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    store = SettingsStore(blocked / "below")
    store.change(theme="dark")
    assert store.values.theme == "dark"
