"""Corrections are trained with; where nobody looked, nothing is."""

import numpy as np

from medscience.config.pairs import read_pairs
from medscience.config.settings import Cohort, Models, Settings
from medscience.config.sheet import Sample
from medscience.description import read_design
from medscience.review.corrections import next_correction, save_correction
from medscience.review.drafts import open_draft
from medscience.review.ledger import Ledger
from medscience.review.reviews import read_reviews
from medscience.review.sheet import training_sheet
from medscience.review.verdict import Shown
from medscience.training.chunks import Chunks
from medscience.training.examples import open_examples
from medscience.training.patch import IGNORED
from medscience.training.sampling import drawn
from tests.review.conftest import LABELS, said, two_boxes
from tests.review.test_corrections import CORNER
from tests.review.test_drafts import WHO
from tests.training.conftest import write_design


def test_a_correction_goes_from_the_ledger_into_the_patches(tmp_path, labels, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "corrections"
    with open_draft(root, labels, **WHO) as draft:
        draft.write((slice(0, 40), slice(0, 70), slice(64, 130)), 255)
        draft.write(CORNER, 2)
        correction = save_correction(draft, next_correction(root, "tiny", "s1"))
    with Ledger(root / "ledger.db") as ledger:
        ledger.save(said("accept-with-edits", correction=correction, shown=shown(labels)))

    sample = Sample(name="s1", track="brain_mri", source="x", patient="p", split="train")
    cohort = Cohort(settings=Settings(samples="s.tsv", models=Models(brain_mri=("tiny",))), samples=(sample,))
    results = tmp_path / "results"
    training_sheet(read_reviews(results, root), cohort, "tiny", results).write(tmp_path / "sheet.tsv")
    pairs = read_pairs(tmp_path / "sheet.tsv")

    output = {"labels": [label.model_dump(mode="json") for label in LABELS]}
    seen_as = {"modality": "T1", "axes": "SAL", "spacing": [2, 0.5, 0.5], "normalize": "quantile-2-98-clip"}
    design = read_design(write_design(tmp_path / "tiny.yaml", output=output, input=seen_as))
    (example,) = open_examples(tmp_path / "sheet.tsv", pairs, design, Chunks(1 << 28), seed=0)
    expected = two_boxes()
    expected[:, :, 64:] = 255
    expected[CORNER] = 2
    assert example.survey.counts.tolist() == [int((expected == n).sum()) for n in range(3)]
    seen = set()
    for number in range(12):
        patch = drawn([example], design.training, design.training.stages[0], 0, number)
        seen |= set(np.unique(patch.labels).tolist())
    assert seen == {0, 1, 2, IGNORED}


def shown(labels):
    return Shown(labels.content.labels.image_digest, labels.commit.digest, "c" * 64)
