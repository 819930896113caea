"""The web page: the content of the folder, the server, and what a browser paints."""

import base64
import contextlib
import gzip
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import socket
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import onestroke
from onestroke.data.photograph_sources import open_source
from onestroke.errors import ModelError, SettingsError
from onestroke.export import litert_js, page_server
from onestroke.export.export_options import ExportOptions
from onestroke.export.exporter import is_page
from onestroke.export.page_server import PageHandler, PageServer, open_server
from onestroke.export.ready_page import write_ready_page
from onestroke.export.verification import difference, fit_to_size
from onestroke.export.web_page import PAGE, _file_names, export_page
from onestroke.files import cache_folder
from onestroke.models.card import IDENTITY, untrained_card
from onestroke.models.transform_network import TransformNetwork
from onestroke.stylize.stylizer import CROSS_FADE_BELOW

WEB = ExportOptions("web", "dynamic", (96, 128))
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, BROWSERS)), None)
IN_CI = bool(os.environ.get("CI"))  # there, tests that need a browser fail instead of being skipped


@pytest.fixture(scope="module")
def photographs() -> dict[str, np.ndarray]:
    return {"photograph": open_source("bundled", split="validation").read(1)}


@pytest.fixture
def fake_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of LiteRT.js without content, in the cache."""
    packages = (
        tmp_path / "onestroke" / f"litertjs-{litert_js.VERSION}" / "node_modules" / "@litertjs"
    )
    for name in litert_js.PACKAGES:
        (packages / name / "dist").mkdir(parents=True)
        (packages / name / "dist" / "index.js").write_text('import "@litertjs/wasm-utils";')
        (packages / name / "package.json").write_text("{}")
    (packages / "core" / "wasm").mkdir()
    for name in ("litert_wasm_internal.wasm", "litert_wasm_jspi_internal.wasm"):
        (packages / "core" / "wasm" / name).write_bytes(b"code")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return packages


def test_folder_is_complete(
    style_file: Path, photographs: dict, fake_runtime: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "page"
    reports = export_page([style_file], folder, WEB, photographs=photographs)
    content = json.loads((folder / "styles.json").read_text())
    assert content["cross_fade_below"] == CROSS_FADE_BELOW
    styles = content["styles"]
    chosen = [[one[key] for key in ("title", "index", "count", "identity")] for one in styles]
    assert chosen == [["wave", 0, 2, None], ["scream", 1, 2, None]]
    (file,) = styles[0]["files"]
    assert (file["height"], file["width"]) == (96, 128)
    assert [report.path for report in reports] == [str(folder / file["file"])]
    assert (folder / f"{file['file']}.json").is_file()
    picture = np.zeros((96, 128, 3), np.uint8)
    assert onestroke.load(folder / file["file"])(picture).shape == picture.shape
    for page in PAGE.iterdir():
        assert (folder / page.name).read_bytes() == page.read_bytes()
    # Workers have no import maps.
    assert (folder / "litert/core/index.js").read_text() == 'import "../wasm-utils/index.js";'
    assert "Apache License" in (folder / "litert/NOTICE").read_text()
    (wasm,) = (folder / "litert/wasm").iterdir()
    assert wasm.name == "litert_wasm_internal.wasm.gz"
    assert gzip.decompress(wasm.read_bytes()) == b"code"
    for style in styles:
        with Image.open(folder / style["thumbnail"]) as thumbnail:
            assert thumbnail.size == (96, 96)
    with Image.open(folder / "example.jpg") as example:
        assert example.size[0] > 384
    with pytest.raises(SettingsError, match="page exists; choose another path or add --overwr"):
        export_page([style_file], folder, WEB, photographs=photographs)
    (folder / "mark").touch()
    export_page([style_file], folder, WEB, photographs=photographs, overwrite=True)
    assert not (folder / "mark").exists()


def test_ready_page_paints_like_the_bundled_model(fake_runtime: Path, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    write_ready_page(folder, [(96, 128)])
    assert is_page(folder)
    styles = json.loads((folder / "styles.json").read_text())["styles"]
    bundled = onestroke.load("base_mobile")
    assert (styles[3]["title"], styles[3]["painter"]) == ("The Kiss", "Gustav Klimt, 1908")
    names = [bundled.style_names[style["index"]] for style in styles]
    assert [name for name in bundled.style_names if name != IDENTITY] == names
    assert {style["identity"] for style in styles} == {bundled.style_names.index(IDENTITY)}
    file = folder / styles[0]["files"][0]["file"]
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    blend = {"the_kiss": 0.4, "great_wave": 0.6}
    painted = onestroke.load(file)(picture, style=blend)
    assert difference("page", painted, bundled(picture, style=blend)).largest <= 1


def test_page_requests_no_other_host() -> None:
    for file in PAGE.iterdir():
        assert not re.search(r"https?:|//[a-z]+\.", file.read_text()), file


def test_page_shows_names_as_text() -> None:
    for file in PAGE.glob("*.js"):
        acting = r"(inner|outer)HTML|insertAdjacentHTML|document\.write|\beval\b|new Function"
        assert not re.search(acting, file.read_text()), file


def test_page_of_several_models(
    style_file: Path, photographs: dict, fake_runtime: Path, tmp_path: Path
) -> None:
    other = shutil.copy(style_file, tmp_path / "Night Sky.keras")
    folder = tmp_path / "page"
    export_page([style_file, other], folder, WEB, photographs=photographs)
    styles = json.loads((folder / "styles.json").read_text())["styles"]
    assert styles[-1]["files"][0]["file"] == "styles/night-sky_96x128.tflite"
    assert len(styles) == 4
    apart = ["wave", "scream"]
    assert [s["title"] for s in styles[2:]] == [f"{name} (night-sky)" for name in apart]
    export_page([other, other], tmp_path / "again", WEB, photographs=photographs)
    files = sorted(path.name for path in (tmp_path / "again" / "styles").glob("*.tflite"))
    assert files == ["night-sky-2_96x128.tflite", "night-sky_96x128.tflite"]


def test_file_names_are_distinct() -> None:
    files = ["a.keras", "a 3.keras", "A.keras", "ночь.keras", "b/style.keras", "утро.keras"]
    expected = ["a", "a-3", "a-2", "style", "b", "style-2"]
    assert _file_names([Path(file) for file in files]) == expected
    assert _file_names([Path("a 2.keras"), Path("a.keras"), Path("a.keras")])[2] == "a-3"


def test_only_pages_are_overwritten(style_file: Path, photographs: dict, tmp_path: Path) -> None:
    (tmp_path / "styles.json").write_text("{}")
    with pytest.raises(SettingsError, match="is not a web export and is not overwritten"):
        export_page([style_file], tmp_path, WEB, photographs=photographs, overwrite=True)
    assert (tmp_path / "styles.json").read_text() == "{}"


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A server of archives with the hashes that are expected; npm is not installed."""
    folder, hashes = tmp_path / "registry", {}
    for name in litert_js.PACKAGES:
        place = folder / "@litertjs" / name / "-"
        place.mkdir(parents=True)
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w:gz") as archive:
            entry = tarfile.TarInfo("package/dist/index.js")
            entry.size = len(name)
            archive.addfile(entry, io.BytesIO(name.encode()))
        (place / f"{name}-{litert_js.VERSION}.tgz").write_bytes(content.getvalue())
        digest = base64.b64encode(hashlib.sha512(content.getvalue()).digest()).decode()
        hashes[name] = f"sha512-{digest}"
    monkeypatch.setattr(litert_js, "INTEGRITY", hashes)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", "")
    handler = partial(PageHandler, directory=str(folder))
    with PageServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("NPM_CONFIG_REGISTRY", f"http://127.0.0.1:{server.server_port}/")
        yield folder
        server.shutdown()


def test_without_npm_the_archives_are_read(registry: Path) -> None:
    packages = litert_js.find_runtime() / "node_modules" / "@litertjs"
    for name in litert_js.PACKAGES:
        assert (packages / name / "dist" / "index.js").read_text() == name
    shutil.rmtree(registry)
    litert_js.find_runtime()  # from the cache


def test_without_npm_altered_archives_are_refused(registry: Path) -> None:
    archive = next(registry.rglob("core-*.tgz"))
    archive.write_bytes(archive.read_bytes() + b"!")
    with pytest.raises(ModelError, match=r"is not the published one \(core-.*NPM_CONFIG_REGISTRY"):
        litert_js.find_runtime()
    archive.unlink()
    with pytest.raises(ModelError, match=r"could not be downloaded \(HTTP Error 404.*try again"):
        litert_js.find_runtime()
    folder = cache_folder(litert_js.FOLDER)
    assert folder is not None
    assert list(folder.parent.iterdir()) == []


def test_without_npm_and_registry(registry: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    with pytest.raises(SettingsError, match=r"npm is not installed.*; install Node"):
        litert_js.find_runtime()


def test_without_a_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(SettingsError, match="set XDG_CACHE_HOME to a folder"):
        litert_js.find_runtime()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script replaces npm")
def test_npm_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"\(npm error code ENOTFOUND\); connect to the network"):
        litert_js.find_runtime()
    assert list((tmp_path / "cache" / "onestroke").iterdir()) == []


@pytest.fixture
def small_page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    shutil.copytree(PAGE, folder)
    (folder / "styles.json").write_text('{"onestroke": "0", "styles": []}')
    (folder / "a.wasm").touch()
    return folder


@pytest.fixture
def address(small_page: Path) -> Iterator[tuple[str, int]]:
    with open_server(small_page, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[:2]
        server.shutdown()


def test_server_sends_the_headers_that_threads_need(address: tuple[str, int]) -> None:
    assert address[0] == "127.0.0.1"
    connection = http.client.HTTPConnection(*address)
    types = {"/": "text/html", "/page.js": "text/javascript", "/a.wasm": "application/wasm"}
    for path, kind in types.items():
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.getheader("Content-Type")) == (200, kind)
        assert answer.getheader("Cross-Origin-Opener-Policy") == "same-origin"
        assert answer.getheader("Cross-Origin-Embedder-Policy") == "require-corp"
        assert answer.getheader("Cache-Control") == "no-store"


def test_server_refuses_other_folders_and_ports_in_use(
    address: tuple[str, int], small_page: Path, tmp_path: Path
) -> None:
    with pytest.raises(SettingsError, match="is not a page that `onestroke export --format web`"):
        open_server(tmp_path, 0)
    with pytest.raises(SettingsError, match=f"cannot listen at port {address[1]} .*--port"):
        open_server(small_page, address[1])


def test_localhost_is_served_over_ipv6(address: tuple[str, int]) -> None:
    try:
        connection = http.client.HTTPConnection("::1", address[1])
        connection.request("GET", "/")
    except OSError:
        pytest.skip("this machine has no IPv6")
    assert connection.getresponse().status == 200


def test_port_in_use_over_ipv6_alone_is_refused(small_page: Path) -> None:
    with socket.socket(socket.AF_INET6) as other:
        try:
            other.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        other.listen()
        with pytest.raises(SettingsError, match=r"cannot listen at port .* choose another"):
            open_server(small_page, other.getsockname()[1])


def test_other_hosts(small_page: Path) -> None:
    with open_server(small_page, 0, host="0.0.0.0") as server:
        assert not server.is_local
        assert server.url == f"http://{socket.gethostname()}:{server.server_port}/"
    with open_server(small_page, 0, host="127.0.0.1") as server:
        assert server.is_local
        assert server.url == f"http://127.0.0.1:{server.server_port}/"
    with pytest.raises(SettingsError, match=r"--host no\.such\.host\.invalid is no name or IP"):
        open_server(small_page, 0, host="no.such.host.invalid")
    with pytest.raises(SettingsError, match=r"port 0 of 192\.0\.2\.1 \(.*--port or --host"):
        open_server(small_page, 0, host="192.0.2.1")  # reserved for documentation


@pytest.mark.parametrize(
    "path",
    ["/%00", "/a%00b", "/%ff", "/%ed%a0%80", "/" + "a" * 5000, "/../page/page.js/", "//["],
    ids=range(7),
)
def test_server_answers_hostile_paths(
    address: tuple[str, int], path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = http.client.HTTPConnection(*address)
    connection.request("GET", path)
    assert connection.getresponse().status == 404
    assert capsys.readouterr().err == ""


@pytest.mark.skipif(sys.platform == "win32", reason="links need a permission")
def test_server_follows_no_link_out_of_the_folder(
    address: tuple[str, int], small_page: Path
) -> None:
    secret = small_page.parent / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("key")
    (secret / "index.html").write_text("secret")
    (small_page / "key.txt").symlink_to(secret / "key.txt")
    (small_page / "secret").symlink_to(secret)
    (small_page / "circle").symlink_to("circle")
    (small_page / "inner").mkdir()
    (small_page / "inner" / "index.html").symlink_to(secret / "index.html")
    (small_page / "same.js").symlink_to("page.js")
    outside = ["/key.txt", "/secret/", "/secret/key.txt", "/secret", "/circle", "/inner/"]
    answers = {**dict.fromkeys(outside, 404), "/same.js": 200, "/../secret/key.txt": 404}
    for path, status in answers.items():
        connection = http.client.HTTPConnection(*address)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert (path, answer.status) == (path, status)
        assert b"key.txt" not in answer.read() or status == 200


def test_connections_are_bounded_in_time_and_number(
    address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_server.PageHandler, "timeout", 1.5)
    before = threading.active_count()
    with contextlib.ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(address))
            for _ in range(page_server.MAX_CONNECTIONS + 20)
        ]
        assert idle[-1].recv(1) == b""  # closed at once
        assert threading.active_count() <= before + page_server.MAX_CONNECTIONS
        assert idle[0].recv(1) == b""  # closed after its time
        status = None
        while status is None:  # a closed connection counts until its thread has ended
            some_left = threading.active_count() > before
            status = fetch_status(address)
            assert status or some_left
        assert status == 200


def fetch_status(address: tuple[str, int]) -> int | None:
    """Requests a file; returns None if the server closed the connection."""
    connection = http.client.HTTPConnection(*address)
    try:
        connection.request("GET", "/page.js")
        return connection.getresponse().status
    except ConnectionError:
        return None
    finally:
        connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script replaces npm")
def test_altered_packages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code EINTEGRITY' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelError, match=r"is not the published one \(npm error code EINTEGRITY"):
        litert_js.find_runtime()
    assert list((tmp_path / "cache" / "onestroke").iterdir()) == []


def test_lock_file_fixes_version_and_hash_of_every_package() -> None:
    packages = litert_js.lock_file()["packages"]
    names = {f"@litertjs/{name}" for name in litert_js.PACKAGES}
    assert packages[""]["dependencies"].keys() == names
    for name in names:
        package = packages[f"node_modules/{name}"]
        assert package["version"] == litert_js.VERSION
        algorithm, _, digest = package["integrity"].partition("-")
        assert algorithm == "sha512"
        assert len(base64.b64decode(digest)) == 64


def test_changed_runtime_is_refused(fake_runtime: Path, tmp_path: Path) -> None:
    (fake_runtime / "core" / "dist" / "index.js").write_text('import "./bundled.js";')
    runtime = litert_js.find_runtime()
    with pytest.raises(ModelError, match="does not import @litertjs/wasm-utils; delete"):
        litert_js.copy_runtime(runtime, tmp_path / "litert")


def _has_runtime() -> bool:
    """Whether a page can be exported without a network."""
    folder = cache_folder(litert_js.FOLDER)
    return folder is not None and folder.is_dir()


in_a_browser = [
    pytest.mark.skipif(CHROMIUM is None and not IN_CI, reason="Chromium is not installed"),
    pytest.mark.skipif(
        not _has_runtime() and not IN_CI,
        reason="LiteRT.js is not cached; `onestroke export --format web` downloads it",
    ),
]
SOFTWARE_GPU = (
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--ignore-gpu-blocklist",
)


@contextlib.contextmanager
def opened(folder: Path, *flags: str) -> Iterator[Any]:
    """The page in headless Chromium, with a camera that shows a test picture."""
    from playwright.sync_api import expect, sync_playwright

    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    with open_server(folder, 0) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", *camera, *flags]
        )
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: message.type == "error" and errors.append(message.text))
        home = f"http://localhost:{server.server_port}"
        page.goto(home)
        expect(page.locator("#status")).to_have_text("Ready.")
        expect(page.locator("#server")).to_have_count(0)
        yield page
        assert all(url.startswith((home, "blob:", "data:")) for url in asked), asked
        assert errors == []
        browser.close()
        server.shutdown()


@pytest.fixture
def page_folder(style_file: Path, photographs: dict, tmp_path: Path) -> Path:
    """A page whose files take 192 x 256 pixels; beside it a photograph of that size."""
    return make_page(style_file, photographs, tmp_path)


def make_page(style_file: Path, photographs: dict, place: Path) -> Path:
    size = (192, 256)
    folder = place / "page"
    export_page([style_file], folder, ExportOptions("web", "none", size), photographs=photographs)
    Image.fromarray(fit_to_size(photographs["photograph"], size)).save(place / "photograph.png")
    return folder


@in_a_browser[0]
def test_page_opened_as_a_file_names_the_command(small_page: Path) -> None:
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto((small_page / "index.html").as_uri())
        expect(page.locator("#server")).to_be_visible()
        expect(page.locator("#server")).to_contain_text("onestroke serve FOLDER")
        expect(page.locator("#status")).to_have_text("")
        browser.close()


class TestInABrowser:
    pytestmark = in_a_browser

    @pytest.mark.parametrize("threads", [True, False])
    def test_page_paints_like_the_file(
        self, page_folder: Path, threads: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from playwright.sync_api import expect

        if not threads:  # like a server that sends no headers
            monkeypatch.setattr(
                "onestroke.export.page_server.PageHandler.end_headers", plain_headers
            )
        photograph, (first, second) = painted(page_folder)
        with opened(page_folder) as page:
            assert page.evaluate("crossOriginIsolated") is threads
            status = page.locator("#status")
            page.set_input_files("#file", page_folder.parent / "photograph.png")
            expect(status).to_contain_text("ms on WebAssembly", timeout=60_000)
            assert difference("page", screen(page), first).largest <= 1

            choose(page, "scream")
            expect(page.locator("#picture")).to_have_attribute("aria-label", "Painted as scream")
            assert difference("page", screen(page), second).largest <= 1

            page.locator("#strength").fill("50")
            half = photograph / 2 + second / 2
            assert difference("page", screen(page), half).largest <= 2
            page.locator("#strength").fill("100")
            page.locator("#compare").fill("50")
            compared = screen(page)
            assert difference("before", compared[:, 130:], photograph[:, 130:]).largest == 0
            assert difference("after", compared[:, :126], second[:, :126]).largest <= 1

            with page.expect_download() as download:
                page.click("#download")
            saved = np.asarray(Image.open(download.value.path()).convert("RGB"))
            assert difference("saved", saved, second).largest <= 1

    def test_blend_and_strength_of_a_network_with_identity(
        self, photographs: dict, tmp_path: Path
    ) -> None:
        from playwright.sync_api import expect

        card = untrained_card("mobile", ["wave", "the_scream", "photograph"])
        wave = card.styles[0].model_copy(update={"caption": "The Wave, Hokusai, 1831"})
        card = card.model_copy(update={"styles": (wave, *card.styles[1:])})
        network = TransformNetwork("mobile", 3, identity=2, card=card)
        for variable in network.trainable_variables:
            if variable.name == "shift":
                variable.assign(np.random.default_rng(0).normal(0, 0.3, variable.shape))
        network.save(tmp_path / "three.keras")
        folder = make_page(tmp_path / "three.keras", photographs, tmp_path)
        (file,) = (folder / "styles").glob("*.tflite")
        stylizer = onestroke.load(file)
        photograph = np.asarray(Image.open(tmp_path / "photograph.png"))
        with opened(folder) as page:
            assert page.locator(".style b").all_inner_texts() == ["The Wave", "the scream"]
            assert page.locator(".style span").all_inner_texts() == ["Hokusai, 1831", ""]
            page.set_input_files("#file", tmp_path / "photograph.png")

            def shows(expected: np.ndarray, tolerance: int = 1) -> None:
                expect(page.locator("#status")).to_contain_text("ms on WebAss", timeout=60_000)
                expect(page.locator("body")).not_to_have_attribute("aria-busy", "true")
                assert difference("page", screen(page), expected).largest <= tolerance

            shows(stylizer(photograph))
            expect(page.locator("#partner")).to_be_hidden()
            page.check("#blending")
            assert page.locator("#partner option").all_inner_texts() == ["the scream"]
            page.locator("#blend").fill("25")
            both = {"wave": 0.75, "the_scream": 0.25}
            shows(stylizer(photograph, style=both))
            page.locator("#strength").fill("40")
            # The painted picture also fades into the photograph; browsers round the alpha.
            assert CROSS_FADE_BELOW > 0.4
            shows(stylizer(photograph, style=both, strength=0.4), tolerance=2)
            page.locator("#strength").fill("10")
            shows(stylizer(photograph, style=both, strength=0.1), tolerance=2)
            page.locator("#strength").fill("0")
            shows(photograph)

    def test_camera_shapes_and_invalid_files(self, page_folder: Path) -> None:
        from playwright.sync_api import expect

        with opened(page_folder) as page:
            status = page.locator("#status")
            page.click("#camera")
            expect(status).to_contain_text("frames a second", timeout=60_000)
            page.click("#camera")
            expect(page.locator("#camera")).to_have_text("Start camera")
            expect(status).to_contain_text("ms on WebAssembly")  # the last frame, in full detail
            choose(page, "scream")
            expect(page.locator("#picture")).to_have_attribute("aria-label", "Painted as scream")

            # As long as the file is, in their own shapes; all black wherever the network looks.
            for size, shown in (((100, 400), (192, 48, 3)), ((4, 3000), (192, 1, 3))):
                page.evaluate(RECORD_REQUESTS)
                page.set_input_files("#file", upload("long.png", png(Image.new("RGB", size))))
                page.wait_for_function("() => window.asked")
                assert page.evaluate("() => window.asked") == [0, 255]
                expect(status).to_contain_text("ms on WebAssembly", timeout=60_000)
                assert screen(page).shape == shown

            clear = Image.new("RGBA", (64, 64), (255, 255, 255, 0))
            page.evaluate(RECORD_REQUESTS)
            page.set_input_files("#file", upload("clear.png", png(clear)))
            page.wait_for_function("() => window.asked")
            assert page.evaluate("() => window.asked") == [255, 255]

            page.set_input_files("#file", upload("a.png", b"text"))
            expect(status).to_contain_text("The browser cannot read this file as a picture")

    def test_large_picture_is_painted_in_tiles(
        self, style_file: Path, runtime_file: Path, photographs: dict, tmp_path: Path
    ) -> None:
        from playwright.sync_api import expect

        size = (336, 352)
        folder = tmp_path / "page"
        options = ExportOptions("web", "none", size)
        export_page([style_file], folder, options, photographs=photographs)
        # Of equal pixels, four by four, so that every browser reduces it to the same.
        small = fit_to_size(photographs["photograph"], (size[0] // 2, size[1] // 2))
        half, large = (np.kron(small, np.ones((k, k, 1), np.uint8)) for k in (2, 4))
        painter = onestroke.load(runtime_file).painter
        style = np.array([1, 0], np.float32)
        ((_, expected),) = painter.tiles(large, style, painter.moments(half, style))
        with opened(folder) as page:
            sides = page.locator("#detail option").all_inner_texts()
            assert sides == ["352 pixels", "704 pixels, in tiles", "1408 pixels, in tiles"]
            page.select_option("#detail", "704")
            page.set_input_files("#file", upload("large.png", png(Image.fromarray(large))))
            status = page.locator("#status")
            expect(status).to_contain_text("704 x 672 pixels in", timeout=60_000)
            assert difference("page", screen(page), expected).psnr > 45
            assert page.evaluate(CHECK_TILES) == []

            # A change in the middle of a picture begins it again.
            page.select_option("#detail", "352")
            page.select_option("#detail", "1408")
            choose(page, "scream")
            expect(page.locator("#picture")).to_have_attribute("aria-label", "Painted as scream")
            expect(page.locator("body")).not_to_have_attribute("aria-busy", "true")
            assert screen(page).shape == (672, 704, 3), "a small picture is not enlarged"

    def test_ready_page_paints_the_camera(self, tmp_path: Path) -> None:
        from playwright.sync_api import expect

        write_ready_page(tmp_path / "page", [(192, 256)])
        with opened(tmp_path / "page") as page:
            assert page.locator(".style").count() == 16
            page.click("#camera")
            expect(page.locator("#status")).to_contain_text("frames a second", timeout=60_000)
            before = screen(page)
            choose(page, "The Kiss")
            expect(page.locator("#picture")).to_have_attribute("aria-label", "Painted as The Kiss")
            assert screen(page).shape == before.shape == (192, 256, 3)

    def test_last_picture_is_shown(self, page_folder: Path) -> None:
        from playwright.sync_api import expect

        _, (first, _) = painted(page_folder)
        with opened(page_folder) as page:
            page.set_input_files(
                "#file", upload("red.png", png(Image.new("RGB", (256, 192), "red")))
            )
            page.set_input_files("#file", page_folder.parent / "photograph.png")
            expect(page.locator("#status")).to_contain_text("ms on WebAssembly", timeout=60_000)
            assert difference("page", screen(page), first).largest <= 1

    @pytest.mark.slow
    def test_software_gpu_paints_like_the_file(self, page_folder: Path) -> None:
        from playwright.sync_api import expect

        _, (first, _) = painted(page_folder)
        with opened(page_folder, *SOFTWARE_GPU) as page:
            assert page.input_value("#accelerator") == "webgpu"
            page.set_input_files("#file", page_folder.parent / "photograph.png")
            expect(page.locator("#status")).to_contain_text("ms on WebGPU", timeout=300_000)
            assert difference("page", screen(page), first).largest <= 1


def painted(folder: Path) -> tuple[np.ndarray, list[np.ndarray]]:
    """Returns the photograph, and what the page's file makes of it in both styles."""
    (file,) = (folder / "styles").glob("*.tflite")
    photograph = np.asarray(Image.open(folder.parent / "photograph.png"))
    stylizer = onestroke.load(file)
    return photograph, [stylizer(photograph, style={n: 1}) for n in stylizer.style_names]


def choose(page: Any, title: str) -> None:
    """Chooses a style of the page."""
    page.locator(".style").filter(has_text=title).click()


# Returns lengths whose tiles leave a pixel out, keep one twice, or keep one too near to a border.
CHECK_TILES = """async () => {
  const { coveredLength, planAxis } = await import('./tiles.js');
  const wrong = [];
  for (const [tile, reach] of [[384, 82], [512, 66], [337, 82]]) {
    for (let wanted = 300; wanted < 2100; wanted += 7) {
      const length = coveredLength(wanted, tile, 4);
      const tiles = planAxis(length, tile, { reach, stride: 4 });
      const good = tiles.every(({ start, from, to }, i) =>
        start % 4 === 0 && from === (i ? tiles[i - 1].to : 0)
        && (i === 0 || from - start >= reach)
        && (to === length ? start + tile === length : start + tile - to >= reach));
      if (!good || tiles.at(-1).to !== length || Math.abs(length - Math.max(wanted, tile)) > 2)
        wrong.push([tile, wanted]);
    }
  }
  return wrong;
}"""

# Records the smallest colour value and opacity in each request to the painter.
RECORD_REQUESTS = """() => {
  window.asked = null;
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (question, ...rest) {
    let [colour, opacity] = [255, 255];
    question.pixels?.forEach((value, i) => {
      if (i % 4 === 3) opacity = Math.min(opacity, value);
      else colour = Math.min(colour, value);
    });
    window.asked = [colour, opacity];
    return post.call(this, question, ...rest);
  };
}"""


def png(picture: Image.Image) -> bytes:
    content = io.BytesIO()
    picture.save(content, "PNG")
    return content.getvalue()


def upload(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "mimeType": "image/png", "buffer": content}


def plain_headers(handler: Any) -> None:
    super(type(handler), handler).end_headers()


def screen(page: Any) -> np.ndarray:
    """Returns what the page shows, (height, width, 3) uint8."""
    address = page.evaluate("() => document.getElementById('picture').toDataURL('image/png')")
    content = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
