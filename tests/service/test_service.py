"""The interface: whatever is asked, over HTTP it is what the reader gives, or a problem that says what to do."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

import inkdigits
from inkdigits import images
from inkdigits.cli.serve import serve
from inkdigits.service import app as service
from inkdigits.service.app import create_app
from inkdigits.service.page import weights
from inkdigits.service.settings import ServiceSettings
from inkdigits.service.store import Counts, Store
from tests.service.conftest import served

EXAMPLES = Path(__file__).parents[2] / "examples"
TEMPLATES = Path(__file__).parents[2] / "docs" / "templates"
METER, PAGE = (EXAMPLES / name for name in ("meter.jpg", "page.jpg"))
SETTINGS = ServiceSettings(workers=1, files=3, body_mb=2)


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(create_app(SETTINGS)) as found:
        yield found


@pytest.fixture(scope="module")
def reader() -> inkdigits.Reader:
    return inkdigits.Reader(limits=SETTINGS.limits)


@pytest.fixture(scope="module")
def strict() -> Iterator[str]:
    """The address of a service that allows little."""
    with served("--body-mb", "2", "--body-seconds", "0.5", "--waiting", "1") as (found, _):
        yield found


def problem(answer: httpx.Response, status: int, *words: str) -> None:
    """The answer is a problem document of that status, with the words in it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    content = answer.json()
    assert set(content) == {"type", "title", "status", "detail", "request_id"}
    assert content["status"] == status
    assert content["request_id"] == answer.headers["x-request-id"]
    for word in words:
        assert word in content["detail"]


def test_a_client_that_says_nothing_of_the_picture(client: TestClient) -> None:
    for kind in ("", "application/x-www-form-urlencoded", "image/x-unheard-of; q=1"):  # the second is what curl says
        answer = client.post("/v1/read?format=text", content=METER.read_bytes(), headers={"Content-Type": kind})
        assert answer.text == "04732\n"


@pytest.mark.parametrize("path", [METER, PAGE, EXAMPLES / "drawing.png"], ids=lambda path: path.name)
def test_it_reads_what_the_reader_reads(client: TestClient, reader: inkdigits.Reader, path: Path) -> None:
    answer = client.post("/v1/read", content=path.read_bytes(), headers={"Content-Type": "image/jpeg"})
    assert answer.status_code == 200
    assert answer.json() == json.loads(reader.read(path).to_json())


def test_every_form_of_an_answer(client: TestClient, reader: inkdigits.Reader) -> None:
    reading, content = reader.read(PAGE, per="line", max_error=0.1), PAGE.read_bytes()

    def asked(**query: str) -> httpx.Response:
        return client.post("/v1/read", params={"per": "line", "max_error": "0.1", **query}, content=content)

    assert asked(format="text").text == reading.text + "\n"
    assert asked(format="csv", layout="table").text == reading.to_csv("table")
    assert asked(format="tsv").text == reading.to_tsv()
    assert asked(format="hocr").text == reading.to_hocr()
    assert asked(format="csv").headers["content-type"] == "text/csv; charset=utf-8"
    named = asked(format="csv", name="=HYPERLINK(1)")
    assert named.text.splitlines()[1].startswith("./=HYPERLINK(1)")


def test_pictures_of_a_form_are_read_and_a_bad_one_is_told(client: TestClient, reader: inkdigits.Reader) -> None:
    files = [("a", (path.name, path.read_bytes())) for path in (METER, PAGE)] + [("b", ("notes.txt", b"no picture"))]
    results = client.post("/v1/read", files=files).json()["results"]
    assert [result["source"] for result in results] == ["meter.jpg", "page.jpg", "notes.txt"]
    for result, path in zip(results, (METER, PAGE), strict=False):
        assert {"source": path.name, **json.loads(reader.read(path).to_json())} == result
    assert "no format that is known" in results[2]["error"]
    problem(client.post("/v1/read?format=csv", files=files), 422, "notes.txt: ", "no format that is known")


def test_pages_are_chosen(client: TestClient, reader: inkdigits.Reader, tmp_path: Path) -> None:
    with Image.open(METER) as one, Image.open(PAGE) as other:
        one.convert("L").save(tmp_path / "two.tif", save_all=True, append_images=[other.convert("L")])
    content = (tmp_path / "two.tif").read_bytes()
    second = client.post("/v1/read?pages=2", content=content).json()
    assert second == json.loads(reader.read(content, pages=[2]).to_json())
    assert [page["number"] for page in client.post("/v1/read?pages=1-2", content=content).json()["pages"]] == [1, 2]
    for path, number in (("draw", 1), ("draw", 2), ("explain", 2)):
        drawn = Image.open(io.BytesIO(client.post(f"/v1/{path}?pages={number}", content=content).content))
        reading = reader.read(content, pages=[number])
        assert drawn.tobytes() == (reading.draw() if path == "draw" else reader.explain(reading)).tobytes()
    form = {"files": {"picture": content}, "data": {"template": '{"fields": [{"name": "a", "box": [0, 0, 1, 1]}]}'}}
    both, one_page = (client.post(f"/v1/fields{query}", **form).json()["pages"] for query in ("", "?pages=2"))  # type: ignore[arg-type]
    assert one_page == both[1:]
    problem(client.post("/v1/read?pages=3", content=content), 422, "there is no page 3: the picture has 2")
    problem(client.post("/v1/read?pages=3-1", content=content), 400, "the pages 3-1 run backwards")
    problem(client.post("/v1/read?pages=0", content=content), 400, "pages are numbered from 1")
    problem(client.post("/v1/read?pages=a", content=content), 400, "pages")


def test_fields(client: TestClient, reader: inkdigits.Reader) -> None:
    template, picture = next((TEMPLATES).glob("sudoku*.json")), EXAMPLES / "sudoku.jpg"
    wanted = {name: value.to_dict() for name, value in reader.read_fields(picture, template).items()}
    for part in ({"data": {"template": template.read_text()}}, {"files": {"template": ("t.json", template.read_bytes())}}):
        files = {"picture": ("sudoku.jpg", picture.read_bytes()), **part.pop("files", {})}
        answer = client.post("/v1/fields", files=files, **part)  # type: ignore[arg-type]
        assert answer.json() == {"pages": [json.loads(json.dumps(wanted))]}
    files = {"picture": picture.read_bytes()}
    problem(client.post("/v1/fields", files=files), 400, "there is no template")
    problem(client.post("/v1/fields", files=files, data={"template": "{"}), 400, "the template is not valid JSON")
    problem(client.post("/v1/fields", files=files, data={"template": '{"fields": 5}'}), 400, "fields")


def test_the_sheet_of_a_photo(client: TestClient, reader: inkdigits.Reader) -> None:
    photo = images.load(EXAMPLES / "sudoku.jpg")
    answer = client.post("/v1/sheet", content=(EXAMPLES / "sudoku.jpg").read_bytes())
    frame = reader.find_sheet(photo).frame
    assert frame is not None
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(answer.content))), inkdigits.rectified(photo, frame))
    plain = io.BytesIO()
    Image.new("L", (300, 200), 200).save(plain, "PNG")
    problem(client.post("/v1/sheet", content=plain.getvalue()), 422, "no frame was found")


@pytest.mark.parametrize("what", ["draw", "explain"])
def test_pictures_of_the_picture(client: TestClient, reader: inkdigits.Reader, what: str) -> None:
    answer = client.post(f"/v1/{what}", content=METER.read_bytes())
    assert answer.headers["content-type"] == "image/png"
    reading = reader.read(METER)
    wanted = reading.draw() if what == "draw" else reader.explain(reading)
    assert Image.open(io.BytesIO(answer.content)).size == wanted.size


@pytest.mark.parametrize(
    ("request_", "status", "word"),
    [
        ({"content": b""}, 400, "has no body"),
        ({"content": b"text"}, 422, "no format that is known"),
        ({"content": b"GIF89a"}, 422, "cannot be read"),
        ({"content": b"x", "headers": {"Content-Type": "application/json"}}, 415, "use image/*"),
        ({"content": b"x", "params": {"mode": "x"}}, 400, "mode: "),
        ({"content": b"x", "params": {"max_error": "2"}}, 400, "max_error: "),
        ({"content": b"x", "params": {"nonsense": "1"}}, 400, "nonsense: "),
        ({"content": METER.read_bytes(), "params": {"max_error": "0.1", "min_confidence": "0.5"}}, 400, "min_confidence"),
        ({"content": METER.read_bytes(), "params": {"layout": "table"}}, 400, "csv"),
        ({"files": [("a", b"x")] * 4}, 400, "Too many files"),
        ({"data": {"a": "b"}}, 422, "no format that is known"),
        ({"content": b"--x\r\n", "headers": {"Content-Type": "multipart/form-data"}}, 400, "form cannot be read"),
        ({"content": b"nonsense", "headers": {"Content-Type": "multipart/form-data; boundary=x"}}, 400, "form"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_problems(client: TestClient, request_: dict[str, Any], status: int, word: str) -> None:
    problem(client.post("/v1/read", **request_), status, word)


def test_paths_and_methods_that_are_not_there(client: TestClient) -> None:
    problem(client.get("/nothing"), 404, "openapi.json")
    problem(client.get("/static/../app.py"), 404)
    problem(client.get("/static/%2e%2e/app.py"), 404)
    problem(client.get("/v1/read"), 405, "openapi.json")
    problem(client.post("/v1/draw", files=[("a", METER.read_bytes())] * 2), 400, "send one")


def test_a_body_is_not_read_beyond_its_limit(client: TestClient, strict: str) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while given < 100:
            given += 1
            yield bytes(1_000_000)

    problem(client.post("/v1/read", content=bytes(2_000_001)), 413, "more than 2 MB")
    with contextlib.suppress(httpx.TransportError):  # the connection may be closed while more is sent
        problem(httpx.post(f"{strict}/v1/read", content=endless()), 413, "more than 2 MB")
    assert given < 50
    assert httpx.get(f"{strict}/v2/health/live").status_code == 200


def test_a_form_that_was_cut_off_is_not_taken_for_whole(client: TestClient) -> None:
    whole = client.build_request("POST", "/v1/read", files=[("a", METER.read_bytes()), ("b", b"x" * 3000)])
    kind = {"Content-Type": whole.headers["content-type"]}
    content = whole.read()
    assert client.post("/v1/read", content=content + b"\r\nlater", headers=kind).status_code == 200
    for less in (3, 10, 200, 2900, 4000):
        problem(client.post("/v1/read", content=content[:-less], headers=kind), 400, "the form ends before its last boundary")


def test_a_form_is_not_written_to_the_disk(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    large = io.BytesIO()
    Image.effect_noise((1200, 1200), 90).save(large, "PNG")
    assert 1_000_000 < len(large.getvalue()) < 2_000_000
    answer = client.post("/v1/read?mode=digit", files={"a": large.getvalue()})
    assert len(answer.json()["results"]) == 1


def test_who_is_slow_is_not_waited_for(strict: str) -> None:
    def slow() -> Iterator[bytes]:
        for _ in range(100):
            time.sleep(0.2)
            yield b"x"

    started = time.monotonic()
    with contextlib.suppress(httpx.TransportError):
        problem(httpx.post(f"{strict}/v1/read", content=slow()), 408, "was not here after 0.5 seconds")
    assert time.monotonic() - started < 10
    assert httpx.post(f"{strict}/v1/read?format=text", content=METER.read_bytes()).text == "04732\n"


def test_who_connects_and_does_not_ask_is_given_up(strict: str) -> None:
    head, where = b"GET /v2/health/live HTTP/1.1\r\nHost: here\r\n", httpx.URL(strict)
    silent, half, again = (socket.create_connection((where.host, where.port or 80)) for _ in range(3))
    half.sendall(head)
    again.sendall(head + b"\r\n" + head)
    started = time.monotonic()
    for connection in (silent, half, again):
        connection.settimeout(30)
        while connection.recv(10_000):
            pass
        connection.close()
    assert 1 < time.monotonic() - started < 25
    assert httpx.get(f"{strict}/v2/health/live").status_code == 200


@pytest.mark.slow
def test_who_does_not_take_the_answer_is_given_up() -> None:
    noise = io.BytesIO()
    Image.effect_noise((2600, 2600), 90).save(noise, "PNG")
    with served() as (address, _):
        where, content = httpx.URL(address), noise.getvalue()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            connection.connect((where.host, where.port or 80))
            connection.sendall(
                f"POST /v1/draw HTTP/1.1\r\nHost: here\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content
            )
            while not connection.recv(1):
                pass
            time.sleep(13)
            connection.settimeout(30)
            taken = 1
            with contextlib.suppress(ConnectionError):  # it was given up: what the system had kept comes, and no more
                while part := connection.recv(1_000_000):
                    taken += len(part)
        assert taken < len(httpx.post(f"{address}/v1/draw", content=content, timeout=60).content)


def test_a_token() -> None:
    with TestClient(create_app(ServiceSettings(workers=1, token="much-guessed"))) as client:
        for headers in ({}, {"Authorization": "Bearer other"}, {"Authorization": "much"}, {"Authorization": "Bearer ü"}):
            sent = {name: value.encode() for name, value in headers.items()}
            problem(client.post("/v1/read", content=METER.read_bytes(), headers=sent), 401, "Bearer")
            problem(client.get("/metrics", headers=sent), 401, "Bearer")
        headers = {"Authorization": "Bearer much-guessed"}
        assert client.post("/v1/read?format=text", content=METER.read_bytes(), headers=headers).text == "04732\n"
        assert client.get("/").status_code == client.get("/v2/health/ready").status_code == 200


def test_another_site_that_is_named_may_ask() -> None:
    with TestClient(create_app(ServiceSettings(workers=1, token="much-guessed", origin="https://example.org"))) as client:
        asks = {"Origin": "https://example.org", "Access-Control-Request-Method": "POST"}
        before = client.options("/v1/read", headers={**asks, "Access-Control-Request-Headers": "authorization"})
        assert before.status_code == 200
        assert before.headers["access-control-allow-origin"] == "https://example.org"
        assert (
            "access-control-allow-origin"
            not in client.options("/v1/read", headers={**asks, "Origin": "https://other.org"}).headers
        )
        problem(client.post("/v1/read", content=METER.read_bytes(), headers=asks), 401)


def test_a_page_of_another_site_may_not_ask(client: TestClient) -> None:
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200), ("none", 200)):
        asks = {"Origin": "https://example.org", "Sec-Fetch-Site": site}
        answer = client.post("/v1/read", content=METER.read_bytes(), headers=asks)
        assert answer.status_code == status
    problem(client.post("/v1/corrections", files=[("a", b"x")], headers={"Sec-Fetch-Site": "cross-site"}), 403, "--origin")


def test_more_than_may_wait_are_told_to_come_again(strict: str) -> None:
    content, answers = METER.read_bytes(), list[httpx.Response]()
    threads = [
        threading.Thread(target=lambda: answers.append(httpx.post(f"{strict}/v1/explain", content=content, timeout=60)))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} == {200, 503}
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "try again")
            assert answer.headers["retry-after"] == "2"


def test_who_has_hung_up_is_not_waited_for(address: str) -> None:
    where, content = httpx.URL(address), METER.read_bytes()
    head = f"POST /v1/explain HTTP/1.1\r\nHost: here\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    asked = [socket.create_connection((where.host, where.port or 80)) for _ in range(20)]
    for connection in asked:
        connection.sendall(head + content)
    time.sleep(0.2)

    def waiting() -> float:
        return float(re.findall(r"^inkdigits_queue (\S+)", httpx.get(f"{address}/metrics").text, re.MULTILINE)[0])

    assert waiting() > 10
    for connection in asked:
        connection.close()
    time.sleep(1.5)
    assert waiting() <= 1
    assert httpx.post(f"{address}/v1/read?format=text", content=content).text == "04732\n"


def test_what_is_counted(client: TestClient) -> None:
    def counted() -> dict[str, float]:
        found = re.findall(r"^(inkdigits_\w+?)(?:_total)?(\{.*\})? ([\d.e+]+)$", client.get("/metrics").text, re.MULTILINE)
        return {name + labels: float(value) for name, labels, value in found}

    before = counted()
    client.post("/v1/read", content=METER.read_bytes())
    client.post("/v1/read", files=[("a", METER.read_bytes()), ("b", b"no picture")])
    client.post("/v1/read", content=b"no picture")
    client.get("/any/name")
    client.get("/any/other/name")
    after = counted()
    assert after["inkdigits_pictures"] - before["inkdigits_pictures"] == 2
    assert after["inkdigits_pictures_refused"] - before["inkdigits_pictures_refused"] == 2
    assert after["inkdigits_digits"] - before["inkdigits_digits"] == 10
    read = 'inkdigits_requests{path="/v1/read",status="422"}'
    assert after[read] - before.get(read, 0) == 1
    other = 'inkdigits_requests{path="other",status="404"}'
    assert after[other] - before.get(other, 0) == 2
    assert not any("/any" in name for name in after)


def test_the_log_has_ids_and_no_contents(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "inkdigits.service"):
        answer = client.post("/v1/read?name=secret", content=METER.read_bytes(), headers={"X-Request-Id": "my-id.1"})
        assert answer.headers["x-request-id"] == "my-id.1"
        faked = client.get("/v2/health/live%0A{}", headers={"X-Request-Id": 'a", "status": 200'})
        assert re.fullmatch(r"[0-9a-f]{32}", faked.headers["x-request-id"])
    lines = [record.getMessage() for record in caplog.records if record.name == "inkdigits.service"]
    first = json.loads(lines[0])
    assert (first["id"], first["path"], first["status"]) == ("my-id.1", "/v1/read", 200)
    assert not any("secret" in line or "04732" in line or "\n" in line for line in lines)


def test_the_page_asks_nobody_else(client: TestClient) -> None:
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    folder = Path(service.__file__).parent / "static"
    names = list(folder.iterdir())
    assert sum(path.stat().st_size for path in names) <= 200_000
    for path in names:
        assert client.get(f"/static/{path.name}").status_code == 200
        code = re.sub(r"^//.*", "", path.read_text(), flags=re.MULTILINE)
        assert not re.findall(r"https?://(?!www\.w3\.org/)", code), path
    for path in ("/", "/look", "/fields"):
        for name in re.findall(r'"(/[^"]+)"', client.get(path).text):
            assert client.get(name).status_code == 200


def test_the_weights_that_the_page_computes_with(client: TestClient) -> None:
    for name, path in weights().items():
        answer = client.get(f"/weights/{name}")
        assert answer.content == path.read_bytes()
        again = client.get(f"/weights/{name}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    problem(client.get("/weights/page.onnx"), 404)
    problem(client.get("/weights/..%2Fmeta.json"), 404)


def test_the_interface_is_described(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/v1/read", "/v1/fields", "/v1/draw", "/v1/explain", "/metrics"} <= set(paths)
    assert {"image/*", "multipart/form-data"} <= set(paths["/v1/read"]["post"]["requestBody"]["content"])
    answers = paths["/v1/read"]["post"]["responses"]
    assert {"application/json", "text/plain", "text/csv", "text/html"} <= set(answers["200"]["content"])
    for status in ("400", "401", "413", "422", "503", "504"):
        assert set(answers[status]["content"]) == {"application/problem+json"}
    named = {parameter["name"] for parameter in paths["/v1/read"]["post"]["parameters"]}
    assert named == {"name", "mode", "min_confidence", "max_error", "pages", "per", "format", "layout", "decimal"}


@pytest.mark.slow
def test_a_service_that_is_ended_answers_what_runs() -> None:
    with served(INKDIGITS_FILES="1") as (address, process):
        problem(httpx.post(f"{address}/v1/read", files=[("a", METER.read_bytes())] * 2), 400, "Maximum number of files is 1")
        answers: list[httpx.Response] = []
        large = io.BytesIO()
        Image.open(PAGE).resize((3600, 2560)).save(large, "JPEG")
        sent = {"content": large.getvalue(), "timeout": 60}
        asked = threading.Thread(target=lambda: answers.append(httpx.post(f"{address}/v1/read", **sent)))  # type: ignore[arg-type]
        asked.start()
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        asked.join()
        assert answers[0].status_code == 200
        assert process.wait(20) in (0, -signal.SIGTERM)


@pytest.mark.slow
def test_it_keeps_to_its_description_whatever_is_asked(tmp_path: Path) -> None:
    # That all that is described is also accepted is not asked for: no description says what a whole picture is.
    checks = ["--exclude-checks", "positive_data_acceptance"]
    phases = ["--phases", "coverage,fuzzing", "--max-examples", "40", "--seed", "1"]
    with served("--corrections", str(tmp_path / "corrections.sqlite")) as (address, _):
        command = [sys.executable, "-m", "schemathesis.cli", "run", f"{address}/openapi.json", *checks, *phases]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        operations = sum(map(len, httpx.get(f"{address}/openapi.json").json()["paths"].values()))
    assert done.returncode == 0, done.stdout
    assert f"Tested: {operations}" in done.stdout


def test_corrections_are_kept(reader: inkdigits.Reader, tmp_path: Path) -> None:
    path, content = tmp_path / "corrections.sqlite", METER.read_bytes()
    digit = reader.read(METER).digits[0]
    place = {"box": list(digit.box), "label": 9, "read": digit.best, "confidence": 0.5}

    def asked(client: TestClient, *corrections: object, files: list[tuple[str, bytes]] | None = None) -> httpx.Response:
        part = {"corrections": json.dumps({"corrections": corrections})}
        return client.post("/v1/corrections", files=files or [("picture", content)], data=part)

    with TestClient(create_app(ServiceSettings(workers=1, corrections=path, corrections_mb=1))) as client:
        assert client.get("/v1/about").json()["corrections"] is True
        assert asked(client, place, {"page": 1, "box": [0, 0, 5, 5], "label": None}).json() == {"saved": 2}
        problem(asked(client, {**place, "page": 2}), 400, "on page 2: the picture has 1")
        problem(asked(client, {**place, "box": [0, 0, 9999, 5]}), 400, "reaches out of its page")
        problem(asked(client, {**place, "label": 10}), 400, "label")
        problem(asked(client, place, files=[("picture", b"no picture")]), 422, "no format that is known")
        problem(asked(client, place, files=[("a", content)] * 2), 400, "send one")
        problem(client.post("/v1/corrections", files=[("picture", content)]), 400, "no corrections")
        problem(client.post("/v1/corrections", content=content), 415, "multipart/form-data")
        noise = io.BytesIO()
        Image.effect_noise((1100, 1100), 90).save(noise, "PNG")
        problem(asked(client, place, files=[("a", noise.getvalue())]), 507, "has reached 1 MB")
    ((_, kept, corrections),) = Store(path).pictures()
    assert kept == content
    assert [(one.box, one.label, one.read) for one in corrections] == [((0, 0, 5, 5), None, None), (digit.box, 9, digit.best)]


def test_nothing_is_kept_unless_it_is_asked_for(client: TestClient) -> None:
    assert client.get("/v1/about").json()["corrections"] is False
    problem(client.post("/v1/corrections", files=[("a", METER.read_bytes())]), 404, "--corrections FILE.sqlite")


def test_a_body_that_is_packed_is_not_taken_for_a_picture(client: TestClient) -> None:
    answer = client.post("/v1/read", content=gzip.compress(METER.read_bytes()), headers={"Content-Encoding": "gzip"})
    problem(answer, 415, "gzip")


def test_a_service_that_cannot_be_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for options, code, word in (
            (["--port", port], 2, f"127.0.0.1 port {port} cannot be listened at (Address already in use)"),
            (["--model", str(tmp_path / "none")], 1, "none does not exist"),
            (["--waiting", "0"], 2, "waiting is 0: give a number above 0"),
            (["--corrections", str(METER)], 2, "meter.jpg cannot be used for corrections"),
        ):
            command = [sys.executable, "-m", "inkdigits", "serve", *options]
            done = subprocess.run(command, capture_output=True, text=True, timeout=60)
            assert done.returncode == code
            assert done.stderr.startswith("inkdigits: ")
            assert word in done.stderr
            assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_no_request_is_lost_while_processes_are_killed() -> None:
    """Whoever kills the processes that read, every request is answered, and rightly."""
    with served("--workers", "2", "--waiting", "64") as (address, process):
        answers: list[str] = []
        content, over = METER.read_bytes(), threading.Event()

        def ask() -> None:
            with httpx.Client(timeout=120) as client:
                while not over.is_set():
                    answers.append(client.post(f"{address}/v1/read?format=text", content=content).text)

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for thread in asking:
            thread.start()
        killed: set[int] = set()
        while len(killed) < 5 or len(answers) < 20:
            before, deadline = len(answers), time.monotonic() + 60
            # A request whose process is killed twice is given up: each gets through once in between.
            while len(answers) < before + 8 and time.monotonic() < deadline:
                time.sleep(0.05)
            readers = set(_children(process.pid)) - killed
            if readers and len(killed) < 5:
                os.kill(victim := readers.pop(), signal.SIGKILL)
                killed.add(victim)
        over.set()
        for thread in asking:
            thread.join()
        assert set(answers) == {"04732\n"}


def _children(process: int) -> list[int]:
    """The processes that read: children that were spawned, and not the one that watches over what they share."""
    threads = Path(f"/proc/{process}/task").glob("*/children")
    found = [int(child) for thread in threads for child in thread.read_text().split()]
    return [child for child in found if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.mark.slow
def test_two_services_keep_corrections_in_one_file(tmp_path: Path) -> None:
    path = tmp_path / "corrections.sqlite"
    with served("--corrections", str(path)) as (one, _), served("--corrections", str(path)) as (other, process):
        answers: list[httpx.Response] = []

        def correct(address: str, writer: int) -> None:
            for number in range(10):
                part = {"corrections": json.dumps({"corrections": [{"box": [writer, number, 20, 20], "label": 1}]})}
                answers.append(
                    httpx.post(f"{address}/v1/corrections", files=[("a", METER.read_bytes())], data=part, timeout=60)
                )

        writers = [threading.Thread(target=correct, args=((one, other)[writer % 2], writer)) for writer in range(4)]
        for thread in writers:
            thread.start()
        for thread in writers:
            thread.join()
        assert {answer.status_code for answer in answers} == {200}
        process.kill()  # one of them ends without a word
        assert Store(path).counts() == Counts(1, 40)
        correct(one, 5)
        assert Store(path).counts() == Counts(1, 50)


def test_every_option_is_a_variable_too_and_the_help_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    assert all(option.show_envvar for option in serve.params if isinstance(option, click.Option))
    for name, value in (("LIMITS", "pages=2 pixels=1000"), ("WAITING", "7"), ("CORRECTIONS", "c.sqlite"), ("TOKEN", "")):
        monkeypatch.setenv(f"INKDIGITS_{name}", value)
    found = serve.make_context("serve", []).params
    assert (found["limits"].pages, found["limits"].pixels, found["waiting"]) == (2, 1000, 7)
    assert (found["corrections"], found["token"]) == (Path("c.sqlite"), None)
