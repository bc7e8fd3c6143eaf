import pytest

from medscience.config.settings import Settings, read_cohort
from medscience.errors import ConfigError

SHEET = """sample\ttrack\tsource
b\tbrain_mri\tb.nii
a\tbrain_mri\ta.nii
c\tliver_ct\tc
"""
SETTINGS = "samples: samples.tsv\nmodels: {brain_mri: [two, one], liver_ct: [two]}\n"


@pytest.fixture
def read(tmp_path, monkeypatch):
    def write_and_read(settings=SETTINGS, sheet=SHEET):
        (tmp_path / "config.yaml").write_text(settings, "utf-8")
        (tmp_path / "samples.tsv").write_text(sheet, "utf-8")
        return read_cohort(tmp_path / "config.yaml")

    monkeypatch.chdir(tmp_path)
    return write_and_read


def test_a_cohort_is_the_settings_and_the_samples_that_they_name(read):
    cohort = read()
    assert [sample.name for sample in cohort.samples] == ["b", "a", "c"]
    assert (cohort.settings.memory, cohort.settings.threads) == ("8G", 2)
    assert cohort.sample("c").track == "liver_ct"


def test_every_model_of_a_track_runs_on_every_sample_of_it_model_by_model(read):
    cohort = read()
    assert cohort.models_of(cohort.sample("a")) == ("two", "one")
    assert cohort.pairs == [
        ("one", "b"),
        ("one", "a"),
        ("two", "b"),
        ("two", "a"),
        ("two", "c"),
    ]


def test_a_track_in_the_sheet_without_a_model_is_refused_by_its_name(read):
    with pytest.raises(ConfigError, match=r"CONFIG-NO-MODEL .*no model for the track liver_ct"):
        read("samples: samples.tsv\nmodels: {brain_mri: [one]}")


def test_a_track_with_a_model_needs_no_samples(read):
    assert len(read(SETTINGS.replace("}", ", steelpan: [three]}")).pairs) == 5


def test_faults_of_the_sheet_come_through(read):
    with pytest.raises(ConfigError, match=r"SHEET-INVALID .*line 5"):
        read(sheet=SHEET + "../x\tbrain_mri\tx.nii\n")


def test_a_sheet_that_is_not_there_is_refused(read):
    with pytest.raises(ConfigError, match="SHEET-UNREADABLE"):
        read(SETTINGS.replace("samples.tsv", "other.tsv"))


@pytest.mark.parametrize(
    "change, key",
    [
        ("threads: 0", "threads"),
        ("threads: -1", "threads"),
        ("threads: 1.5", "threads"),
        ("threads: many", "threads"),
        ("memory: 8", "memory"),
        ("memory: 8GB", "memory"),
        ("memory: -8G", "memory"),
        ("memory: 8g", "memory"),
        ("memory: G", "memory"),
        ("memory: .nan", "memory"),
        ("thread: 2", "did you mean 'threads'"),
        ("model: {}", "did you mean 'models'"),
        ("__use_yte__: true", "__use_yte__"),
    ],
)
def test_a_setting_that_is_out_of_range_or_unknown_is_refused_by_its_key(read, change, key):
    with pytest.raises(ConfigError, match=f"CONFIG-INVALID .*{key}"):
        read(SETTINGS + change)


@pytest.mark.parametrize("memory", ["8G", "0.5T", "512M", "100000K"])
def test_memory_is_a_number_and_a_unit(read, memory):
    assert read(f"{SETTINGS}memory: {memory}").settings.memory == memory


@pytest.mark.parametrize("name", ["../x", "a b", "a;b", "", "-a", "config/models/a.yaml"])
def test_a_model_is_named_and_never_a_path(read, name):
    with pytest.raises(ConfigError, match=r"models\.brain_mri\.0"):
        read(f"samples: samples.tsv\nmodels: {{brain_mri: ['{name}']}}")


@pytest.mark.parametrize("models", ["{heart: [a]}", "{brain_mri: a}", "[a]", "a"])
def test_models_are_lists_of_names_by_track(read, models):
    with pytest.raises(ConfigError, match=r"CONFIG-INVALID .*models"):
        read(f"samples: samples.tsv\nmodels: {models}")


@pytest.mark.parametrize("key", ["samples", "models"])
def test_the_sheet_and_the_models_must_be_named(read, key):
    kept = [line for line in SETTINGS.splitlines() if not line.startswith(key)]
    with pytest.raises(ConfigError, match=f"{key}: Field required"):
        read("\n".join(kept))


def test_a_number_of_threads_that_yaml_reads_as_octal_is_refused(read):
    with pytest.raises(ConfigError, match="'012', which programs read differently"):
        read(SETTINGS + "threads: 012")


def test_settings_never_change():
    settings = Settings.model_validate({"samples": "s.tsv", "models": {}})
    with pytest.raises(ValueError, match="frozen"):
        settings.threads = 3
