"""The benchmark of the text-to-image tabs runs to its end, on a tiny network."""

from toys import tiny_pocket

from benchmarks import tab_speed
from core.runs import anagrams, denoise, hybrids, inpainting, sampling, sdedit


def test_every_tab_is_run_and_has_its_line(monkeypatch, capsys):
    pocket = tiny_pocket()
    for module in (tab_speed, anagrams, denoise, hybrids, inpainting, sampling, sdedit):
        monkeypatch.setattr(module, "load", lambda name, device="auto": pocket)
    monkeypatch.setattr(tab_speed, "seconds", lambda run: 0.0 if run() is None else 1.0)
    monkeypatch.setattr(tab_speed, "denoising", lambda device: 0.0)
    tab_speed.main(["--device", "cpu"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0].split(":")[0] for line in lines[-3:]] == ["anagram", "hybrid", "forward & denoise"]
