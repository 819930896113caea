"""``onestroke serve``: the ready page, folders that are not pages, the warning about networks."""

import http.client

import pytest

from onestroke.export import ready_page, web_page
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


def test_without_a_folder_the_bundled_model_is_served(run, tmp_path, monkeypatch):
    monkeypatch.setattr(ready_page, "find_runtime", lambda: tmp_path)  # instead of a download
    monkeypatch.setattr(web_page, "copy_runtime", lambda runtime, target: None)
    answers = []

    def serve_one(server: PageServer) -> None:
        for path in ("/", "/styles/base_mobile_192x256.tflite"):
            connection = http.client.HTTPConnection(*server.server_address[:2])
            connection.request("GET", path)
            server.handle_request()
            answers.append(connection.getresponse().status)
            connection.close()
        raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, "serve_forever", serve_one)
    status, printed, _ = run("serve", "--port", "0")
    assert status == 0
    assert "http://localhost:" in printed
    assert answers == [200, 200]
