"""Command lines of `experiments.main` that must be refused, and words of the error."""

from typing import NamedTuple

_PLANE = "configs/pinwheel.py:smoke"
_SHAPES = "configs/shapes_anisotropic.py:laptop,smoke"
_SPARSE = "configs/sparse.py:smoke"
_IMAGES = "configs/images.py:smoke"
_T = "configs/shapes_student_t.py:laptop,smoke"


class BadCommand(NamedTuple):
    """A command line that must be refused."""

    arguments: tuple[str, ...]
    expects: str  # words of the message


def lines() -> list[BadCommand]:
    """All command lines."""
    fields = [
        BadCommand(
            (f"--config={config}", *(f"--config.{f}" for f in text.split())), words
        )
        for config, table in (_FIELDS | TABLES).items()
        for text, words in table
    ]
    return [*_WHOLE, *fields, *_LATE]


_SEVERAL = "+".join(["1"] * 1100).replace("+", ",")
_WHOLE = [
    BadCommand((), "--config is missing; choices: configs/"),
    BadCommand(("--config=",), "is not a Python file; choices:"),
    BadCommand(
        ("--config=configs/none.py",), "--config=configs/none.py is not a Python file"
    ),
    BadCommand(("--config=configs",), "is not a Python file"),
    BadCommand(("--config=README.md",), "is not a Python file"),
    BadCommand(
        ("--config=configs/pinwheel.py:big",), "unknown variant 'big'; choices: lap"
    ),
    BadCommand(("--config=configs/base.py:big",), "takes 0 positional arguments"),
    BadCommand(
        ("--config=configs/__init__.py",), "must have a function get_config; got none"
    ),
    BadCommand(
        (f"--config={_PLANE}", f"--config={_SHAPES}"), "--config was given twice"
    ),
    BadCommand(
        (f"--config={_PLANE}", "--wokdir=x"), "Unknown command line flag 'wokdir'"
    ),
    BadCommand((f"--config={_PLANE}", "extra"), "unexpected argument 'extra'"),
    BadCommand((f"--config={_PLANE}", "--flagfile=/none"), "Unable to open flagfile"),
    BadCommand(
        (f"--config={_PLANE}", "--workdir=README.md"), "cannot write to --workdir=RE"
    ),
    BadCommand(
        (f"--config={_PLANE}", "--workdir=/proc/decomp"), "cannot write to --workdir"
    ),
]
_LATE = [
    BadCommand(
        (f"--config={_PLANE}", "--config.runs.devices=999"), "runs.devices must be"
    ),
    BadCommand(
        (f"--config={_SPARSE}", "--config.data.source=file", "--config.data.path=/no"),
        "/no: expected a folder, an .npz or a file named like train-images",
    ),
    BadCommand(
        (f"--config={_SHAPES}", "--config.data.source=file", "--config.data.path=a.b"),
        "a.b: expected a file .npz, .hdf5 or .h5; got '.b'",
    ),
]
_WHOLE_NUMBER = "--config.seeds must be a whole number; got"
_FLOATS = "objective.beta must be float values separated by commas; got"
_FINITE = "must be a finite number ≥ 0; got"
_ABOVE = "must be a finite number above 0; got"
_FIELDS = {
    _PLANE: [
        ("seed=1", "there is no field 'seed'; choices: "),
        ("trian.steps=1", "there is no field 'trian'; choices: "),
        ("train=1", "is a section; fields: b1, b2, batch_size"),
        ("seeds.more=1", "none, this is a value"),
        *(
            (f"seeds={v}", _WHOLE_NUMBER)
            for v in ("x", "1.5", "1e3", "nan", "True", "")
        ),
        *((f"seeds={v}", f"seeds {_ABOVE}") for v in ("0", "-1")),
        ("seeds=99999999999999999999999", "seeds must be at most 1,000,000; got 1e+23"),
        ("seeds=900000", "at most 1,000,000 runs in all; got 900,000 seeds × 10 set"),
        ("first_seed=-1", "first_seed must be a finite number ≥ 0"),
        ("first_seed=2147483647", "first_seed + seeds must be at most"),
        ("rng=-1", "rng must be a finite number ≥ 0"),
        ("rng=4294967296", "rng must be at most 2,147,483,647"),
        ("distributed=perhaps", "--config.distributed must be True or False; got perh"),
        ("tensorboard=6006", "--config.tensorboard must be True or False; got 6006"),
        *(
            (f"objective.alpha=0 objective.beta={v}", f"objective.beta {_FINITE}")
            for v in ("-1", "nan", "inf", "-inf", "1e400", "1,-1", "1,nan")
        ),
        *(
            (f"objective.beta={v}", _FLOATS)
            for v in ("x", "1,x", "True", "None", "((1,2),)", "1;2", "(1", "1j")
        ),
        ("objective.beta=", "objective.beta must have at least one value; got none"),
        ("objective.beta=1,,2", "objective.beta must be values separated by commas"),
        ("objective.beta=()", "objective.beta must have at least one value; got none"),
        ("objective.beta=1e39", "objective.beta must be between 1e-30 and"),
        ("objective.beta=1,2,3", "objective.sweep = zip needs axes of equal length"),
        ("objective.alpha=-1", f"objective.alpha {_FINITE}"),
        (
            f"objective.sweep=product objective.beta={_SEVERAL} "
            f"objective.alpha={_SEVERAL}",
            "at most 1,000,000 runs in all",
        ),
        *(
            (f"data.points={v}", "data.points must be a positive multiple of 4")
            for v in (0, 6)
        ),
        ("data.points=-4", "data.points must be a finite number ≥ 0"),
        ("data.points=4", "train.batch_size must be at most 4 points; got 400"),
        ("data.points=2000004", "data.points must be at most 2,000,000"),
        (
            "data.path=a.npz",
            "needs data.source = file or tfds; got data.source = rendered and",
        ),
        ("data.source=file", "pinwheel needs data.source among ('rendered',)"),
        (
            "data.source=web",
            "data.source must be one of ('rendered', 'file', 'tfds', 'auto')",
        ),
        ("data.name=mnist", "data.name must be one of"),
        ("data.rate=1e60", "data.rate must be between"),
        ("data.radial_std=nan", "data.radial_std must be a finite number ≥ 0"),
        (
            "train.batch_size=401",
            "train.batch_size must be at most 400 points; got 401",
        ),
        ("train.batch_size=0", f"train.batch_size {_ABOVE}"),
        (
            "train.batch_size=1",
            "train.batch_size must be at least 2 for the divergence",
        ),
        ("train.steps=0 train.epochs=0", "train.epochs must give"),
        ("train.steps=3000000000", "train.steps must be at most 2,147,483,647"),
        ("train.steps=0 train.epochs=1e300", "train.epochs must be between"),
        ("train.steps=0 train.epochs=1e20", "train.epochs must give"),
        ("train.learning_rate=1e-60", "train.learning_rate must be between"),
        ("train.learning_rate=fast", "train.learning_rate must be a number; got fast"),
        ("train.b1=1", "train.b1 must be a number in [0, 1)"),
        ("train.optimiser=sgd", "train.optimiser must be one of ('adam', 'amsgrad_to"),
        ("model.latents=3", "clusters lies in the plane and needs model.latents = 2"),
        ("model.latents=99999999", "model.latents must be at most 10,000"),
        ("model.hidden=0", "model.hidden must be layer widths above 0"),
        ("model.hidden=1.5", "model.hidden must be int values"),
        ("model.hidden=((3,),4)", "model.hidden must be a tuple, or only tuples if it"),
        ("model.hidden=9999999999", "model.hidden must be at most 100,000"),
        (
            "model.network=conv",
            "conv needs images of 8×8, 16×16, 32×32 or 64×64 pixels; got data.name =",
        ),
        ("model.likelihood=bernoulli", "needs model.likelihood = gaussian"),
        ("critic.hidden=0", "critic.hidden must be layer widths above 0"),
        ("prior.name=normal", "prior.name must be one or more of ('isotropic',"),
        (
            "data.name=pinwheel,dsprites",
            "data.name sweeps over images, or over points of the plane",
        ),
        ("prior.variance=0", f"prior.variance {_ABOVE}"),
        ("evaluate.points=401", "evaluate.points must be at most 400 points; got 401"),
        ("evaluate.points=1", "evaluate.points must be 0 (all points) or at least 2"),
        ("evaluate.grid_points=1", "evaluate.grid_points must be at least 2"),
        ("evaluate.metrics=mig,fid", "evaluate.metrics must be one or more of"),
        ("figures=pie", "figures must be one or more of ('reconstruction_vs_score',"),
        ("figure_line=gamma,beta", "figure_line must be one of"),
        ("figure_score=fid", "figure_score must be one or more of"),
        (
            "runs.layout=round",
            "runs.layout must be one of ('auto', 'mapped', 'vmapped')",
        ),
        ("runs.block=-1", "runs.block must be a finite number ≥ 0"),
        ("objective.schedule.beta=up", "objective.schedule.beta must be one of"),
        *(
            (f"objective.warm_up={v}", "objective.warm_up must be a share in (0, 1]")
            for v in (0, 2)
        ),
        ("objective.matched=True", "objective.matched needs model.network = dense"),
    ],
    _SHAPES: [
        ("prior.name=clusters", "prior.name = clusters lies in the plane"),
        ("prior.name=subspaces", "prior.name = subspaces needs prior.groups"),
        ("prior.name=subspaces prior.groups=3,3", "whose sum is model.latents = 10"),
        ("prior.name=subspaces prior.groups=12,-2", "prior.groups must be sizes whose"),
        (
            "prior.name=hierarchical prior.top=10",
            "prior.top between 1 and model.latents",
        ),
        ("prior.name=vamp objective.name=beta_tcvae", "expected prior.name among"),
        ("model.latents=300", "at most 256, the principal axes of the data"),
        (
            "data.points=8 train.batch_size=4 evaluate.points=4",
            "at most 7, the princip",
        ),
        ("prior.pca_ranks=released_code model.latents=130", "at most 128, the princip"),
        ("data.points=737281", "data.points must be at most 737,280 points"),
        (
            "objective.beta=1 objective.beta=4",
            "--config.objective.beta was given twice; separate several values",
        ),
        ("data.points=1 train.batch_size=1 evaluate.points=0", "data.points must be 0"),
        ("data.side=12", "data.side must be one of (0, 8, 16, 32, 64); got 12"),
        ("objective.name=hfvae", "hfvae needs objective.groups"),
        ("model.latents=3,0", "model.latents must be a finite number above 0; got 0"),
        ("train.records=2,3", "train.records must be a whole number; got 2,3"),
        ("objective.name=vae", "objective.beta is not read by objective.name"),
        ("objective.groups=1,2", "objective.groups must be sizes whose sum"),
        ("evaluate.samples_per_vote=1", "at least 2, for a variance"),
        ("model.likelihood=laplace", "must be one of ('bernoulli', 'gaussian'); got l"),
    ],
    _SPARSE: [
        ("evaluate.metrics=mig", "has classes but no factors and needs"),
        ("prior.spike=1", "prior.spike must be a number in [0, 1)"),
        ("train.batch_size=513", "train.batch_size must be at most 512 points"),
    ],
    _IMAGES: [
        ("data.name=imagenet", "data.name must be one of ('dsprites', 'pinwheel',"),
        ("data.name=images", "data.source = file needs data.path; got an"),
        ("data.name=images data.path=/no", "/no: expected a folder of PNG or JPEG"),
        ("data.source=rendered", "shapes3d needs data.source among ('file', 'tfds')"),
        (
            "data.name=celeb_a evaluate.metrics=mig",
            "celeb_a has no factors and needs",
        ),
        (
            "data.name=fashion_mnist model.network=conv",
            "or 64×64 pixels; got data.name = fashion_mnist of 28",
        ),
        (
            "data.side=20 model.network=conv",
            "data.side must be one of (0, 8, 16, 32, 64)",
        ),
        ("data.points=480001", "data.points must be at most 480,000 points; got"),
        ("data.name=small_norb data.path=/no", "/no: expected a folder with smallnorb"),
        (
            "data.name=mpi3d",
            "data.path, to mpi3d_toy.npz, mpi3d_realistic.npz or mpi3d",
        ),
        ("data.name=cars3d data.source=tfds", "needs data.source among ('file',)"),
        ("data.name=mpi3d data.path=/no.npz", "/no.npz: expected a file; got none"),
        ("data.name=mpi3d data.path=/no.npz data.points=1036801", "most 1,036,800 po"),
        ("data.name=cars3d data.path=/no", "/no: expected nips2015-analogy-data.tar"),
        ("data.path=/no", "/no: expected an HDF5 file of 3D Shapes; got none"),
        ("data.name=celeb_a data.path=/no", "/no: expected a folder of JPEG files or"),
    ],
    _T: [
        *((f"prior.df={v}", "prior.df must be a number above 0") for v in ("0", "nan")),
        ("prior.df=three", "prior.df must be float values"),
    ],
}


TABLES = {
    "configs/correlated.py:laptop,smoke": [
        ("data.correlated=scale", "data.correlated must be two of shape, scale, orie"),
        ("data.correlated=scale,scale", "data.correlated must be two of shape, scale"),
        ("data.correlated=scale,light", "data.correlated must be two of shape, scale"),
        *(
            (f"data.correlation={v}", "data.correlation must be a finite number above")
            for v in (0, -1)
        ),
        ("data.correlation=nan", "data.correlation must be a finite number above"),
        ("data.name=pinwheel model.latents=2", "needs model.likelihood = gaussian"),
        (
            "data.name=fashion_mnist evaluate.metrics=hoyer",
            "data.correlated needs data.name among ['dsprites', 'heads'], rendered",
        ),
        (
            "data.source=file data.path=a.npz",
            "rendered; got dsprites, data.source = file",
        ),
        ("data.look=red", "data.look must be one of ('plain', 'colour', 'noise'); got"),
        ("data.held_out=shape=2", "classes, not all, of two factors or more; got sha"),
        ("data.held_out=shape=2,x=0..31", "some classes, not all, of two factors"),
        ("data.held_out=shape=2,x=16..32", "classes of factors, each once, such as"),
        ("data.held_out=shape=2,x=5..3", "each once, such as shape=0..2, scale=0..5"),
        ("data.held_out=shape=2,x=-1", "classes of factors, each once, such as"),
        ("data.held_out=shape=2,x", "classes of factors, each once, such as shape=0.."),
        ("data.held_out=shape=2,light=1", "classes of factors, each once, such as"),
        ("data.held_out=shape=1,shape=2", "classes of factors, each once, such as"),
        ("evaluate.images=others", "evaluate.images must be one of ('trained', 'all'"),
        ("evaluate.images=held_out", "held_out needs data.held_out of two images"),
        ("evaluate.points=737281", "evaluate.points must be at most 737,280 points"),
        (
            "data.held_out=shape=2,x=16..31 evaluate.images=held_out "
            "evaluate.points=122881",
            "evaluate.points must be at most 122,880 points; got 122,881",
        ),
        (
            "data.correlated=() data.held_out=shape=2,x=16..31 data.points=614401",
            "data.points must be at most 614,400 points; got 614,401",
        ),
    ],
    "configs/heads.py:laptop,smoke": [
        (
            "data.look=noise",
            "data.look must be one of ('plain',) for data.name = heads",
        ),
        ("data.correlated=azimuth,x", "must be two of identity, azimuth, elevation, l"),
        ("data.points=127051", "data.points must be at most 127,050 points"),
        ("data.source=file data.path=a.npz", "needs data.source among ('rendered',)"),
    ],
}
