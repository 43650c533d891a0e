"""How networks bear what happens to digits outside of MNIST: the mean error over thirteen corruptions at five strengths each.

    python benchmarks/robustness.py                  # the shipped network, and its recipe trained without augmentation
    python benchmarks/robustness.py fast default best   # and the seeds that recipes.py has trained of these recipes
    python benchmarks/robustness.py --split validation --seeds 1

The corruptions are our own, with fixed seeds, of the official test images. All but the strokes' thickness and JPEG are of kinds
that the training of ``default`` shows too, in other amounts. Every network measured is added to
benchmarks/results/robustness.json, and one that is there is not measured again.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from recipes import SETTINGS, run_name, version
from results import Results, Run, fingerprint, machine, markdown, spread

from inkdigits import dataset, files
from inkdigits.config import Project
from inkdigits.features import make_features
from inkdigits.inference.classifier import Classifier, load_model
from inkdigits.inference.tasks import task
from inkdigits.modeling.augment import Augmentation
from inkdigits.modeling.export import export_classifier
from inkdigits.modeling.loop import TrainingLoop
from inkdigits.modeling.objectives import Classification, schedule_of
from inkdigits.modeling.recipes import RECIPES
from inkdigits.runs import Run as RunFolder

STRENGTHS = (1, 2, 3, 4, 5)
SHIPPED, UNPREPARED = "shipped", "without augmentation"
#: The shipped network's recipe without what makes it robust.
PLAIN = replace(RECIPES["default"], augmentation=Augmentation(), corrupted=0.0)

Images = np.ndarray  # uint8 (N, 28, 28), 0 = paper


def warped(images: Images, matrices: np.ndarray) -> Images:
    """Each image under its affine map about the middle, float (N, 2, 3)."""
    moved = []
    for image, matrix in zip(images, matrices, strict=True):
        about = matrix.copy()
        about[:, 2] += 13.5 - about[:, :2] @ (13.5, 13.5)
        moved.append(cv2.warpAffine(image, about, (28, 28), flags=cv2.INTER_LINEAR))
    return np.stack(moved)


def affine(count: int) -> np.ndarray:
    """The map that changes nothing, ``count`` times: float64 (N, 2, 3)."""
    return np.tile(np.eye(2, 3), (count, 1, 1))


def signs(count: int, rng: np.random.Generator) -> np.ndarray:
    """−1 or 1, (N,)."""
    return rng.choice([-1.0, 1.0], count)


def shift(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """In a random direction, by 1 to 5 pixels."""
    matrices, angle = affine(len(images)), rng.uniform(0, 2 * np.pi, len(images))
    matrices[:, 0, 2], matrices[:, 1, 2] = strength * np.cos(angle), strength * np.sin(angle)
    return warped(images, matrices)


def rotation(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """By 8 to 40 degrees, to either side."""
    angle = np.radians(8 * strength) * signs(len(images), rng)
    matrices = affine(len(images))
    matrices[:, :, :2] = np.moveaxis(np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]), 2, 0)
    return warped(images, matrices)


def shear(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """By 0.15 to 0.75 of the height, to either side."""
    matrices = affine(len(images))
    matrices[:, 0, 1] = 0.15 * strength * signs(len(images), rng)
    return warped(images, matrices)


def scale(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Smaller or larger, by a factor of 1.1 to 1.61."""
    matrices = affine(len(images))
    matrices[:, [0, 1], [0, 1]] = (1.1 ** (strength * signs(len(images), rng)))[:, None]
    return warped(images, matrices)


def blur(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """By a Gaussian of 0.5 to 2.5 pixels."""
    return np.stack([cv2.GaussianBlur(image, (0, 0), 0.5 * strength) for image in images])


def noise(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Gaussian, with a standard deviation of 25 to 125 levels."""
    noisy = images + 25 * strength * rng.standard_normal(images.shape, np.float32)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def thickness(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Strokes thicker or thinner by 1 to 5 eighths of a pixel on each side."""
    thicker, changed = rng.random(len(images)) < 0.5, []
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * strength + 1, 2 * strength + 1))
    for image, more in zip(images, thicker, strict=True):
        large = cv2.resize(image, (224, 224), interpolation=cv2.INTER_CUBIC)
        large = cv2.dilate(large, reach) if more else cv2.erode(large, reach)
        changed.append(cv2.resize(large, (28, 28), interpolation=cv2.INTER_AREA))
    return np.stack(changed)


def brightness(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Ink that is paler: 0.83 to 0.15 of what it was."""
    return (images * (1 - 0.17 * strength)).astype(np.uint8)


def fog(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Smooth grey clouds over paper and ink, of up to 0.16 to 0.8 of full ink."""
    knots = rng.random((len(images), 4, 4), np.float32)
    clouds = np.stack([cv2.resize(knot, (28, 28), interpolation=cv2.INTER_CUBIC) for knot in knots])
    share = np.clip(0.16 * strength * clouds, 0, 1)
    return np.clip(images * (1 - share) + 255 * share, 0, 255).astype(np.uint8)


def stripes(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Grey stripes, 4 pixels apart, in a random direction."""
    angle, phase = rng.uniform(0, np.pi, (2, len(images), 1, 1))
    y, x = np.mgrid[:28, :28]
    pattern = np.cos((x * np.cos(angle) + y * np.sin(angle)) * (2 * np.pi / 4) + 2 * phase) > 0.5
    return np.maximum(images, (pattern * 30 * strength).astype(np.uint8))


def lines(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """One to five thin lines of full ink from side to side."""
    drawn = images.copy()
    for image in drawn:
        for _ in range(strength):
            ends = rng.integers(0, 28, 2).tolist()
            start, end = ((0, ends[0]), (27, ends[1])) if rng.random() < 0.5 else ((ends[0], 0), (ends[1], 27))
            cv2.line(image, start, end, 255, 1)
    return drawn


def jpeg(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """Of quality 50 to 2."""
    quality = (50, 25, 12, 6, 2)[strength - 1]
    pictures = [cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for image in images]
    return np.stack([np.asarray(cv2.imdecode(file, cv2.IMREAD_GRAYSCALE)) for file in pictures])


def occlusion(images: Images, strength: int, rng: np.random.Generator) -> Images:
    """A square of paper of 3 to 11 pixels somewhere on the digit."""
    side, covered = 1 + 2 * strength, images.copy()
    for image, (y, x) in zip(covered, rng.integers(4, 24 - side + 1, (len(images), 2)), strict=True):
        image[y : y + side, x : x + side] = 0
    return covered


CORRUPTIONS: tuple[Callable[[Images, int, np.random.Generator], Images], ...] = (
    *(shift, rotation, shear, scale, blur, noise, thickness, brightness, fog, stripes, lines, jpeg, occlusion),
)


def errors(model: Classifier, images: Images, labels: np.ndarray) -> dict[str, list[float]]:
    """Error, as a share of the images: of each corruption, at each strength; "none" without any."""
    found = {"none": [float(np.mean(model.predict(images) != labels))]}
    for number, corruption in enumerate(CORRUPTIONS):
        found[corruption.__name__] = [
            float(np.mean(model.predict(corruption(images, s, np.random.default_rng([number, s]))) != labels))
            for s in STRENGTHS
        ]
    return found


def table(measured: dict[str, list[Run]]) -> str:
    """The results as a Markdown table: a row a corruption, a column a kind of network."""

    def row(label: str, names: tuple[str, ...]) -> list[str]:
        means = [[{"error": np.mean([run["errors"][name] for name in names])} for run in runs] for runs in measured.values()]
        return [label, *(spread(runs, "error", 2, 100) for runs in means)]

    corruptions = tuple(corruption.__name__ for corruption in CORRUPTIONS)
    rows = [["error, %", *measured], ["networks", *(str(len(runs)) for runs in measured.values())]]
    return markdown([*rows, *(row(name, (name,)) for name in ("none", *corruptions)), row("**mean**", corruptions)])


def network(kind: str, seed: int, project: Project, data: dataset.Dataset) -> Classifier:
    """One of what is compared: the shipped one, one of recipes.py, or one without augmentation, trained if it isn't there."""
    if kind == SHIPPED:
        return load_model()
    if kind != UNPREPARED:
        return load_model(run_name(kind, seed), project)
    run = RunFolder.named(f"plain-{fingerprint(PLAIN)}-{seed}", project)
    if not run.model().exists():
        objective = Classification(PLAIN, task("digits"), data, seed)
        loop = TrainingLoop(objective, schedule_of(PLAIN), run, seed=seed)
        loop.train()
        export_classifier(objective.calibrated(loop.network), task("digits"), run.model())
    return load_model(run.folder)


def main() -> None:
    """Measure what is missing, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipes", nargs="*", help=f"some of {', '.join(SETTINGS)}")
    parser.add_argument("--seeds", type=int, default=5, help="how many of each")
    parser.add_argument("--split", default="test", choices=["validation", "test"])
    args = parser.parse_args()
    project, results = Project.current(), Results("robustness")
    data = make_features("mnist", project)
    images, labels = data.split(args.split).labelled()
    versions = {SHIPPED: f"shipped-{files.sha256_file(load_model().path)[:8]}", UNPREPARED: f"plain-{fingerprint(PLAIN)}"}
    versions |= {name: version(name) for name in args.recipes}
    keys = {kind: f"{what} {args.split}" for kind, what in versions.items()}
    for kind, key in keys.items():
        for seed in results.missing(key, range(1 if kind == SHIPPED else args.seeds)):
            found = errors(network(kind, seed, project, data), images, labels)
            results.add(key, {"seed": seed, "errors": found, "machine": machine()})
    print(table({kind: results.of(key) for kind, key in keys.items()}))


if __name__ == "__main__":
    main()
