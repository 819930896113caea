"""Videos keep their times, sound, sizes and colours, and a killed command continues."""

import contextlib
import io
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onestroke.errors import OnestrokeError, SettingsError
from onestroke.stylize import ffmpeg, video, video_reader
from onestroke.stylize.ffmpeg import VideoError, find_ffmpeg
from onestroke.stylize.video import VideoOptions, stylize_video
from onestroke.stylize.video_reader import VideoReader, open_video
from onestroke.stylize.video_writer import choose_codec

PHOTOGRAPH = VideoOptions(strength=0)  # the frames themselves, so that pixels can be compared
LOSSLESS = VideoOptions(strength=0, codec="ffv1")
HDR10 = ["-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "smpte2084"]
MP4 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]


def make(path: Path, *arguments: str) -> Path:
    """Makes a file with FFmpeg."""
    command = [find_ffmpeg(), "-v", "error", "-y", *arguments, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


def card(size: str = "64x48", seconds: float = 1, rate: str = "10") -> list[str]:
    return ["-f", "lavfi", "-i", f"testsrc=size={size}:rate={rate}:duration={seconds}"]


def log_of(path: Path, *arguments: str) -> str:
    """Returns what FFmpeg says about a file."""
    command = [find_ffmpeg(), "-hide_banner", "-nostats", "-i", str(path), *arguments]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return done.stderr.decode(errors="replace")


def times_of(path: Path) -> list[float]:
    """Returns the time of every frame, in seconds."""
    keep = ffmpeg.keep_times_options(find_ffmpeg())
    log = log_of(path, "-map", "0:v", "-vf", "showinfo", *keep, "-f", "null", "-")
    return [float(found) for found in re.findall(r" n: *\d+ pts:.*?pts_time:([\d.]+)", log)]


def frames_of(path: Path) -> np.ndarray:
    info = open_video(path)
    return np.stack([frame for _, frame in VideoReader(info)])


def count_decoded(monkeypatch) -> list[int]:
    """Returns a list that grows by the times that each new reader logs."""
    counts: list[int] = []
    note, begin = VideoReader._note_time, VideoReader.__init__

    def started(reader, *arguments, **options) -> None:
        counts.append(0)
        begin(reader, *arguments, **options)

    def noted(reader, line: str) -> None:
        counts[-1] += bool(video_reader.PICTURE_TIME.match(line))
        note(reader, line)

    monkeypatch.setattr(VideoReader, "__init__", started)
    monkeypatch.setattr(VideoReader, "_note_time", noted)
    return counts


def paint(source: Path, target: Path, options: VideoOptions = PHOTOGRAPH) -> video.VideoResult:
    return stylize_video(source, "base_mobile", output=target, options=options)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames with sound, subtitles, a chapter and a title."""
    folder = tmp_path_factory.mktemp("clip")
    text = folder / "text.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,600\nHello\n", encoding="utf-8")
    about = folder / "about.txt"
    chapter = "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=500\ntitle=Opening\n"
    about.write_text(f";FFMETADATA1\ntitle=A clip\n{chapter}", encoding="utf-8")
    sound = ["-f", "lavfi", "-i", "sine=duration=1", "-i", str(text), "-i", str(about)]
    maps = ["-map", "0:v", "-map", "1:a", "-map", "2:s", "-map_metadata", "3", "-map_chapters", "3"]
    kinds = [*MP4, "-c:a", "aac", "-c:s", "mov_text"]
    return make(folder / "clip.mp4", *card(), *sound, *maps, *kinds)


def test_sound_subtitles_chapters_and_title_are_kept(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "painted.mp4"
    result = paint(clip, target, VideoOptions())
    assert (result.frames, result.resumed) == (10, 0)
    log = log_of(target)
    assert "Audio: aac" in log
    assert "Subtitle: mov_text" in log
    assert "Opening" in log
    assert "A clip" in log
    assert "Video: h264" in log
    assert "yuv420p" in log
    assert times_of(target) == times_of(clip)
    assert [path.name for path in tmp_path.iterdir()] == ["painted.mp4"]
    assert np.abs(frames_of(target).astype(int) - frames_of(clip)).mean() > 8  # it is painted


def test_sound_that_webm_does_not_hold_is_converted(clip: Path, tmp_path: Path, caplog) -> None:
    with caplog.at_level(logging.WARNING, logger="onestroke.stylize"):
        paint(clip, tmp_path / "painted.webm")
    log = log_of(tmp_path / "painted.webm")
    assert "Video: vp9" in log
    assert "Audio: opus" in log
    assert "sound and subtitles were converted" in caplog.text


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_metadata_is_left_out_on_request(suffix: str, clip: Path, tmp_path: Path) -> None:
    tags = {
        "com.apple.quicktime.creationdate": "2024-05-06T07:08:09+0200",
        "location": "+48.8577+002.295/",
        "com.apple.quicktime.location.ISO6709": "+48.8577+002.295+035.000/",
        "com.apple.quicktime.model": "Phone 7",
    }
    written = [part for tag in tags.items() for part in ("-metadata", "=".join(tag))]
    for stream in ("v", "a"):
        written += [f"-metadata:s:{stream}", "handler_name=A Device", f"-metadata:s:{stream}"]
        written += ["creation_time=2024-05-06T07:08:09Z"]
    copy = ["-i", str(clip), "-map", "0:v", "-map", "0:a", "-map", "0:s", "-c", "copy"]
    source = make(tmp_path / "source.mp4", *copy, *written, "-movflags", "use_metadata_tags")
    names = ("2024-05-06", "+48.8577", "Phone 7", "A clip", "A Device")
    assert all(name in log_of(source) for name in names)
    for strip in (False, True):
        target = tmp_path / f"painted{suffix}"
        paint(source, target, VideoOptions(strength=0, strip=strip))
        log = log_of(target)
        left = [name for name in names if name in log]
        assert not left if strip else {"+48.8577", "A clip"} <= set(left), log
        data = target.read_bytes()
        assert not strip or not [name for name in names if name.encode() in data]
        assert "Audio: aac" in log
        assert "Subtitle: " in log
        assert "Opening" in log


def test_raw_frames_are_those_of_the_video(clip: Path) -> None:
    file = io.BytesIO()
    result = stylize_video(clip, "base_mobile", output=file, options=PHOTOGRAPH)
    raw = np.frombuffer(file.getvalue(), np.uint8).reshape(10, 48, 64, 3)
    assert result.frames == 10
    np.testing.assert_array_equal(raw, frames_of(clip))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_rates_keep_their_times(suffix: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video, "PIECE_FRAMES", 5)
    uneven = "select='not(mod(n,3)*gt(mod(n,7),3))',setpts=PTS+0.1/TB"
    name, value = ffmpeg.keep_times_options(find_ffmpeg())
    options = ["-vf", uneven, name, value, *MP4]
    source = make(tmp_path / "uneven.mkv", *card(seconds=1.2, rate="30"), *options)
    times = times_of(source)
    assert len(set(np.round(np.diff(times), 2))) > 1
    target = tmp_path / f"painted{suffix}"
    assert paint(source, target).frames == len(times)
    assert times_of(target) == times


@pytest.mark.parametrize("smooth", [False, True])
def test_a_killed_command_continues(smooth: bool, clip: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video, "PIECE_FRAMES", 4)
    target = tmp_path / "painted.mp4"
    painted = []

    class Killed(BaseException):
        pass

    def stop(progress) -> None:
        painted.append(progress.step)
        if progress.step == 6:
            raise Killed

    options = VideoOptions(smooth=smooth)
    with pytest.raises(Killed):
        stylize_video(clip, "base_mobile", output=target, options=options, report=stop)
    assert not target.exists()
    seen = []
    result = stylize_video(clip, "base_mobile", output=target, options=options, report=seen.append)
    assert (result.frames, result.resumed) == (10, 4)
    # The first one also waited until four frames were decoded and left out.
    assert ["frames_per_second" in progress.figures for progress in seen[:2]] == [False, True]
    assert times_of(target) == times_of(clip)
    paint(clip, tmp_path / "whole.mp4", options)
    np.testing.assert_array_equal(frames_of(target), frames_of(tmp_path / "whole.mp4"))


def long_inputs() -> dict[str, tuple[str, list[str], bool]]:
    """Returns by name: file name, FFmpeg's options, and whether a part of it can be decoded."""
    reordered = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "10", "-bf", "3"]
    # Pictures follow each keyframe that are shown before it and need the ones before.
    open_groups = [*reordered, "-x264-params", "open-gop=1:scenecut=0"]
    no_keyframes = [*reordered[:4], "-x264-params", "keyint=infinite:intra-refresh=1"]
    keep = [*ffmpeg.keep_times_options(find_ffmpeg())]
    uneven = ["-vf", "select='not(mod(n,3)*gt(mod(n,7),3))'", *keep]
    late = ["-f", "lavfi", "-i", "sine=duration=8", "-vf", "setpts=PTS+1.5/TB", *keep]
    fields = ["-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ilme+ildct", "-g", "6"]
    return {
        "constant rate": ("even.mp4", [*MP4, "-g", "10"], True),
        "B-frames": ("reordered.mp4", reordered, True),
        "variable rate": ("uneven.mkv", [*uneven, *reordered], True),
        "a late beginning": ("late.mkv", [*late, *reordered, "-c:a", "aac"], True),
        "a time offset": ("offset.mp4", ["-output_ts_offset", "3", *reordered], True),
        "interlaced": ("fields.mkv", [*fields, "-c:v", "mpeg2video"], True),
        "open groups": ("open.mkv", open_groups, False),
        "no keyframes": ("refresh.mkv", no_keyframes, False),
        "a transport stream": ("stream.ts", reordered, False),
        "GIF": ("short.gif", [], False),
    }


def interrupt(source: Path, target: Path, options: VideoOptions, step: int) -> None:
    """Paints up to a frame."""

    def stop(progress) -> None:
        if progress.step == step:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_video(source, "base_mobile", output=target, options=options, report=stop)


@pytest.mark.parametrize("name", long_inputs())
def test_a_resumed_video_equals_an_uninterrupted_one(
    name: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(video, "PIECE_FRAMES", 25)
    file, options, partly = long_inputs()[name]
    source = make(tmp_path / file, *card("32x24", 8), *options)
    whole, target = tmp_path / "whole.mkv", tmp_path / "painted.mkv"
    frames = paint(source, whole, LOSSLESS).frames
    interrupt(source, target, LOSSLESS, frames - 4)
    counts = count_decoded(monkeypatch)
    result = paint(source, target, LOSSLESS)
    assert (result.frames, result.resumed) == (frames, (frames - 5) // 25 * 25)
    assert not partly or (len(counts) == 1 and counts[0] < frames)
    assert times_of(target) == times_of(whole)
    np.testing.assert_array_equal(frames_of(target), frames_of(whole))


@pytest.mark.parametrize("mark", ["time", "checksum"])
def test_a_wrong_place_is_noticed(mark: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video, "PIECE_FRAMES", 25)
    source = make(tmp_path / "clip.mp4", *card("32x24", 8), *MP4, "-g", "10")
    whole, target = tmp_path / "whole.mkv", tmp_path / "painted.mkv"
    paint(source, whole, LOSSLESS)
    interrupt(source, target, LOSSLESS, 76)
    path = sorted(target.with_name("painted.mkv.parts").glob("*.json"))[-2]  # the last is the plan
    record = json.loads(path.read_text())
    record["marks"][-1][["time", "checksum"].index(mark)] += 1
    path.write_text(json.dumps(record))
    counts = count_decoded(monkeypatch)
    assert paint(source, target, LOSSLESS).resumed == 75
    assert len(counts) == 2
    assert counts[1] == 80
    np.testing.assert_array_equal(frames_of(target), frames_of(whole))


def test_damage_before_the_place_is_reported(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video, "PIECE_FRAMES", 25)
    whole = make(tmp_path / "whole.avi", *card(seconds=8), "-c:v", "mjpeg")
    data = bytearray(whole.read_bytes())
    data[len(data) // 4 : len(data) // 4 + 3000] = bytes(3000)
    source, target = tmp_path / "damaged.avi", tmp_path / "painted.mkv"
    source.write_bytes(data)
    interrupt(source, target, LOSSLESS, 70)
    with pytest.raises(VideoError, match="damaged"):
        paint(source, target, LOSSLESS)


def test_other_options_start_anew(clip: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video, "PIECE_FRAMES", 4)

    def stop(progress) -> None:
        if progress.step == 6:
            raise KeyboardInterrupt

    target = tmp_path / "painted.mp4"
    with pytest.raises(KeyboardInterrupt):
        stylize_video(clip, "base_mobile", output=target, report=stop)
    assert paint(clip, target).resumed == 0


@pytest.mark.slow
def test_a_process_that_is_killed_leaves_its_pieces(tmp_path: Path) -> None:
    source = make(tmp_path / "clip.mp4", *card("320x240", 20, "25"), *MP4)
    target = tmp_path / "painted.mp4"
    command = [sys.executable, "-m", "onestroke", "video", str(source), "--output", str(target)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("painted.mp4.parts/*.json")) and time.monotonic() < deadline:
            time.sleep(0.1)
        while not (tmp_path / "painted.mp4.parts" / "00000.json").exists():
            time.sleep(0.1)
        os.kill(process.pid, signal.SIGKILL)
    assert not target.exists()
    result = stylize_video(source, "base", output=target)
    assert result.frames == 500
    assert result.resumed >= video.PIECE_FRAMES
    assert not target.with_name("painted.mp4.parts").exists()


def test_two_commands_do_not_paint_one_video(clip: Path, tmp_path: Path) -> None:
    target = tmp_path / "painted.mp4"
    messages = []

    def again(progress) -> None:
        if not messages:
            with pytest.raises(SettingsError) as error:
                paint(clip, target)
            messages.append(str(error.value))

    stylize_video(clip, "base_mobile", output=target, options=PHOTOGRAPH, report=again)
    assert "another process" in messages[0]


@pytest.mark.parametrize(
    ("matrix", "spread"), [("bt709", "tv"), ("bt709", "pc"), ("smpte170m", "tv"), ("bt470bg", "pc")]
)
def test_colours_and_their_tags_are_kept(matrix: str, spread: str, tmp_path: Path) -> None:
    patches = "color=c=0xD02010:size=64x48:rate=5:duration=0.4,format=rgb24"
    convert = f"scale=out_color_matrix={matrix}:out_range={spread},format=yuv420p"
    tags = f"setparams=colorspace={matrix}:range={spread}"
    options = ["-colorspace", matrix, "-color_range", spread, "-qp", "1"]
    source = make(
        tmp_path / "red.mp4",
        *("-f", "lavfi", "-i", patches, "-vf", f"{convert},{tags}", *MP4[:4], *options),
    )
    target = tmp_path / "painted.mp4"
    paint(source, target)
    for path in (source, target):
        info = open_video(path)
        assert (info.colours.matrix, info.colours.full_range) == (matrix, spread == "pc")
        np.testing.assert_allclose(frames_of(path).mean(axis=(0, 1, 2)), [208, 32, 16], atol=5)


def test_hdr_becomes_bt709(tmp_path: Path) -> None:
    if not video_reader._has_zscale():
        pytest.skip("this FFmpeg lacks zscale")
    grey = "color=c=0x808080:size=64x48:rate=5:duration=0.4,format=yuv420p10le"
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    codec = ["-c:v", "ffv1", *HDR10]
    source = make(tmp_path / "hdr.mkv", "-f", "lavfi", "-i", f"{grey},{tags}", *codec)
    info = open_video(source)
    assert (info.colours.matrix, info.colours.curve) == ("bt709", "bt709")
    # Half of PQ's range is 92 cd/m2, a middle grey of a scene whose white has 203 cd/m2.
    assert 90 < frames_of(source).mean() < 190


def test_hdr_is_refused_without_zscale(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(video_reader, "_has_zscale", lambda: False)
    tags = "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
    filters = ["-vf", f"format=yuv420p10le,{tags}", "-c:v", "ffv1", *HDR10]
    source = make(tmp_path / "hdr.mkv", *card(), *filters)
    with pytest.raises(VideoError, match="HDR video"):
        open_video(source)


def odd_inputs() -> dict[str, tuple[str, Callable[[Path], Path], int, tuple[int, int]]]:
    """Returns by name: file name, how it is made, its frames and the size of the painted video."""

    def rotated(path: Path) -> Path:
        upright = make(path.with_name("upright.mp4"), *card(), *MP4)
        new = ["-display_rotation", "90", "-i", str(upright), "-c", "copy"]
        old = ["-i", str(upright), "-c", "copy", "-metadata:s:v", "rotate=90"]
        with contextlib.suppress(subprocess.CalledProcessError):
            return make(path, *new)
        return make(path, *old)

    def made(*arguments: str, **about) -> Callable[[Path], Path]:
        return lambda path: make(path, *card(**about), *arguments)

    surround = ["-f", "lavfi", "-i", "anullsrc=channel_layout=5.1:d=1", *MP4, "-c:a", "aac"]
    ten_bit = ["-pix_fmt", "yuv420p10le", "-c:v", "ffv1"]
    alpha = ["-vf", "format=yuva420p", "-c:v", "ffv1"]
    fields = ["-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ilme+ildct"]
    return {
        "odd sizes": ("odd.mkv", made(*MP4[:4], size="63x47"), 10, (48, 64)),
        "rotation": ("rotated.mp4", rotated, 10, (64, 48)),
        "no sound": ("silent.mp4", made(*MP4), 10, (48, 64)),
        "5.1 sound": ("surround.mp4", made(*surround), 10, (48, 64)),
        "10 bit": ("ten.mkv", made(*ten_bit), 10, (48, 64)),
        "GIF": ("short.gif", made(), 10, (48, 64)),
        "one frame": ("one.mp4", made("-frames:v", "1", *MP4), 1, (48, 64)),
        "alpha": ("alpha.mkv", made(*alpha), 10, (48, 64)),
        "interlaced": ("fields.mkv", made(*fields, "-c:v", "mpeg2video"), 5, (48, 64)),
        "wide pixels": ("wide.mp4", made("-vf", "setsar=4/3", *MP4), 10, (48, 64)),
        "a name with a quote": ("it's: a clip.mp4", made(*MP4), 10, (48, 64)),
    }


@pytest.mark.parametrize("name", odd_inputs())
def test_unusual_videos_are_painted(name: str, tmp_path: Path) -> None:
    file, create, frames, size = odd_inputs()[name]
    source = create(tmp_path / file)
    target = tmp_path / "it's painted.mp4"
    assert paint(source, target).frames == frames
    info = open_video(target)
    assert info.size == size
    assert info.aspect == open_video(source).aspect
    times = times_of(target)
    assert len(times) == frames
    np.testing.assert_allclose(times, times_of(source), atol=0.02)
    painted, original = frames_of(target), frames_of(source)
    height, width = original.shape[1:3]
    assert (
        np.abs(painted[:, :height, :width].astype(int) - original).mean() < 16
    )  # of chroma at half the size
    assert ("5.1" in log_of(target)) == (name == "5.1 sound")


def test_a_truncated_video_leaves_what_was_painted(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.mkv", *card(seconds=3), "-c:v", "ffv1", "-g", "1")
    source = tmp_path / "truncated.mkv"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    target = tmp_path / "painted.mp4"
    with pytest.raises(VideoError, match=r"damaged or cut short .* frames that could be read"):
        paint(source, target)
    assert 8 < len(times_of(target)) < 24
    assert not target.with_name("painted.mp4.parts").exists()


def test_a_truncated_mp4_leaves_what_was_painted(tmp_path: Path) -> None:
    fast = [*MP4, "-movflags", "+faststart"]
    whole = make(tmp_path / "whole.mp4", *card(seconds=3), *fast)
    source = tmp_path / "truncated.mp4"
    source.write_bytes(whole.read_bytes()[: whole.stat().st_size * 2 // 3])
    with pytest.raises(VideoError, match="damaged or cut short"):
        paint(source, tmp_path / "painted.mp4")
    assert 8 < len(times_of(tmp_path / "painted.mp4")) < 30


def test_a_damaged_frame_is_reported(tmp_path: Path) -> None:
    whole = make(tmp_path / "whole.avi", *card(seconds=2), "-c:v", "mjpeg")
    data = bytearray(whole.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    source = tmp_path / "damaged.avi"
    source.write_bytes(data)
    for _ in range(10):  # threads of FFmpeg log the error and the times of other frames
        reader = VideoReader(open_video(source))
        assert len(list(reader)) > 10
        assert reader.errors
    with pytest.raises(VideoError, match="damaged"):
        paint(source, tmp_path / "painted.mp4")
    assert len(times_of(tmp_path / "painted.mp4")) > 10


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.mp4", b"", "is empty"),
        ("notes.txt", b"some words\n" * 50, "text file|cannot be read"),
        ("notes.mp4", b"some words\n" * 50, "cannot be read"),
        ("missing.mp4", None, "does not exist"),
    ],
)
def test_what_is_no_video_is_refused(name: str, content, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(VideoError, match=message) as error:
        paint(tmp_path / name, tmp_path / "painted.mp4")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "painted.mp4").exists()
    assert not (tmp_path / "painted.mp4.parts").exists()


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "sound.wav", "-f", "lavfi", "-i", "sine=duration=0.2")
    with pytest.raises(VideoError, match="it has sound or text, and no video"):
        paint(source, tmp_path / "painted.mp4")


@pytest.mark.parametrize(
    ("name", "codec", "message"),
    [
        ("painted.avi", None, "no suffix of a video"),
        ("painted.mp4", "divx", "unknown codec"),
        ("painted.mp4", "vp9", "cannot hold vp9"),
    ],
)
def test_unknown_kinds_are_refused(name: str, codec, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        choose_codec(Path(name), codec)


@pytest.mark.parametrize("options", [{"quality": 101}, {"strength": 2}, {"max_size": 3}])
def test_values_out_of_range_are_refused(options, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(OnestrokeError):
        paint(clip, tmp_path / "painted.mp4", VideoOptions(**options))


def test_the_input_is_not_overwritten(clip: Path) -> None:
    with pytest.raises(SettingsError, match="is the input"):
        paint(clip, clip)


def test_frames_are_shrunk_to_the_maximal_size(clip: Path, tmp_path: Path) -> None:
    paint(clip, tmp_path / "painted.mp4", VideoOptions(strength=0, max_size=32))
    assert open_video(tmp_path / "painted.mp4").size == (24, 32)


def test_a_paint_size_without_effect_is_noted(clip: Path, tmp_path: Path, caplog) -> None:
    options = VideoOptions(strength=0, max_size=32, paint_size=33)
    paint(clip, tmp_path / "painted.mp4", options)
    (note,) = (line for line in caplog.messages if line.startswith("--paint-size"))
    assert f"has no effect on {clip}, whose long side has 32 pixels" in note


def test_a_higher_quality_makes_a_larger_file(clip: Path, tmp_path: Path) -> None:
    for quality in (20, 90):
        options = VideoOptions(strength=0, quality=quality)
        paint(clip, tmp_path / f"{quality}.mp4", options)
    assert (tmp_path / "90.mp4").stat().st_size > (tmp_path / "20.mp4").stat().st_size


def test_without_ffmpeg_the_message_says_how_to_get_it(monkeypatch) -> None:
    find_ffmpeg.cache_clear()
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    monkeypatch.setattr(ffmpeg, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"apt install ffmpeg.*onestroke\[video\]"):
        find_ffmpeg()
    find_ffmpeg.cache_clear()


def test_progress_counts_to_the_end(clip: Path, tmp_path: Path) -> None:
    seen = []
    stylize_video(
        clip, "base_mobile", output=tmp_path / "p.mp4", options=PHOTOGRAPH, report=seen.append
    )
    assert [progress.step for progress in seen] == [*range(1, 11), 10]
    assert all(progress.figures["frames_per_second"] > 0 for progress in seen[:-1])
    assert seen[-1].steps == 10


def test_the_plan_is_readable(clip: Path, tmp_path: Path) -> None:
    def stop(progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stylize_video(clip, "base_mobile", output=tmp_path / "p.mp4", report=stop)
    plan = json.loads((tmp_path / "p.mp4.parts" / "plan.json").read_text())
    assert str(clip.resolve()) in plan["files"]
