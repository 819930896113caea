"""``onestroke serve``: folders that are not pages, and the warning about the network."""

import pytest

from onestroke.export.page_server import PageServer
from onestroke.export.web_page import PAGE


def test_a_folder_without_a_page_is_refused(mistake, tmp_path):
    assert "onestroke export --format web" in mistake("serve", tmp_path)


@pytest.mark.parametrize(("host", "warned"), [("localhost", False), ("0.0.0.0", True)])
def test_a_page_for_the_network_needs_https(run, tmp_path, monkeypatch, host, warned):
    def stop(server):
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", stop)
    for file in PAGE.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "styles.json").write_text('{"onestroke": "0", "styles": []}')
    status, printed, _ = run("serve", tmp_path, "--port", 0, "--host", host)
    assert status == 0
    assert "http://" in printed
    assert ("only on localhost and over https" in printed) is warned
