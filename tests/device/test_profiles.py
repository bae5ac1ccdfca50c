"""Device profiles: the built-in ones, own files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from arny_studio.device import built_in_profiles, load_profile
from arny_studio.device.benchmark import Speed
from arny_studio.device.profiles import check_profile, own_profiles, save_profile
from arny_studio.errors import BadRecipe, MissingFile

OWN = 'title = "My phone"\nram_mib = 8192\nos_reserve_mib = 3000\napp_budget_mib = 4000\n'


def test_that_the_built_in_phones_have_the_budgets_of_the_design_smallest_first():
    budgets = {name: profile.app_budget_mib / 1024 for name, profile in built_in_profiles().items()}
    assert budgets == {"4gb": 1.5, "6gb": 3.25, "12gb": 6.0}
    assert list(budgets) == ["4gb", "6gb", "12gb"]


@pytest.mark.parametrize(
    ("ram_gib", "mode"),
    [(3, "lite"), (5.9, "lite"), (6, "full_local"), (7.9, "full_local"), (8, "both_resident"), (16, "both_resident")],
)
def test_that_the_mode_goes_by_the_ram(tmp_path: Path, ram_gib: float, mode: str):
    file = tmp_path / "own.toml"
    file.write_text(f'title = "x"\nram_mib = {int(ram_gib * 1024)}\nos_reserve_mib = 512\napp_budget_mib = 1024\n')
    assert load_profile(file).wished_mode == mode


def test_that_an_own_file_overrides_every_number_and_keeps_the_rest_at_its_default(tmp_path: Path):
    file = tmp_path / "own.toml"
    file.write_text(f'{OWN}mode = "lite"\n[tier1]\ncontext = 700\nkv_type = "q8_0"\nrepack = true\n')
    profile = load_profile(file)
    assert (profile.wished_mode, profile.tier1.context, profile.tier1.kv_type) == ("lite", 700, "q8_0")
    assert profile.tier1.repack
    assert profile.tier2.context == 2048


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{OWN}ram = 3", "unknown field `ram`"),
        (OWN.replace("8192", '"much"'), "Expected `int`, got `str` - at `\\$.ram_mib`"),
        (OWN.replace("ram_mib = 8192\n", ""), "missing required field `ram_mib`"),
        (OWN.replace("4000", "8000"), "make 11000 MiB together, the phone has 8192"),
        (f'{OWN}[tier1]\nkv_type = "f8"', "Invalid enum value 'f8' - at `\\$.tier1.kv_type`"),
        ("title = ", "is not a TOML file"),
    ],
)
def test_that_a_wrong_profile_is_refused_with_file_and_field(tmp_path: Path, text: str, said: str):
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(BadRecipe, match=said) as caught:
        load_profile(file)
    assert caught.value.sentence.startswith("own.toml")


def test_that_a_misspelt_field_gets_the_nearest_as_a_hint(tmp_path: Path):
    file = tmp_path / "own.toml"
    file.write_text(f"{OWN}app_bugdet_mib = 3")
    with pytest.raises(BadRecipe) as caught:
        load_profile(file)
    assert caught.value.hint == "Did you mean 'app_budget_mib'?"


def test_that_an_unknown_phone_is_told_with_the_known_ones():
    with pytest.raises(MissingFile) as caught:
        load_profile("9gb")
    assert caught.value.hint == "Known: 12gb, 4gb, 6gb; or a .toml file."


def test_that_more_or_less_ram_keeps_the_shares_and_moves_through_the_modes():
    phone = load_profile("6gb")
    modes = []
    for ram_mib in (2048, 6144, 16384):
        other = phone.with_ram(ram_mib)
        check_profile(other, "x")
        assert other.app_budget_mib / ram_mib == pytest.approx(phone.app_budget_mib / phone.ram_mib, rel=0.01)
        modes.append(other.wished_mode)
    assert modes == ["lite", "full_local", "both_resident"]


def test_that_an_own_profile_is_saved_found_and_listed(tmp_path: Path):
    mine = replace(
        load_profile("6gb"), title="My Phone ☎ 7", idle_s=12.5, speeds=(Speed(model="a", prefill=1, decode=2),)
    )
    path = save_profile(mine, tmp_path / "phones")
    assert path.name == "my-phone-7.toml"
    assert load_profile("my-phone-7", tmp_path / "phones") == mine
    assert own_profiles(tmp_path / "phones") == {"my-phone-7": mine}
    (tmp_path / "phones" / "broken.toml").write_text("title = 3")
    assert list(own_profiles(tmp_path / "phones")) == ["my-phone-7"]
    with pytest.raises(BadRecipe, match="My Phone"):
        save_profile(replace(mine, os_reserve_mib=6000), tmp_path / "phones")
