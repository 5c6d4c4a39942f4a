"""Fields of data sets drawn on a grid that must be refused, and words of the answer."""

TABLES = {
    "configs/correlated.py:laptop,smoke": [
        ("data.correlated=scale", "data.correlated expects two of shape, scale, orie"),
        ("data.correlated=scale,scale", "data.correlated expects two of shape, scale"),
        ("data.correlated=scale,light", "data.correlated expects two of shape, scale"),
        *(
            (f"data.correlation={v}", "data.correlation expects a finite number above")
            for v in (0, -1)
        ),
        ("data.correlation=nan", "data.correlation expects a finite number above"),
        ("data.name=pinwheel model.latents=2", "expects model.likelihood = gaussian"),
        (
            "data.name=fashion_mnist evaluate.metrics=hoyer",
            "data.correlated expects data.name among ['dsprites', 'heads'], rendered",
        ),
        (
            "data.source=file data.path=a.npz",
            "rendered; got dsprites, data.source = file",
        ),
        ("data.look=red", "data.look expects one of ('plain', 'colour', 'noise'); got"),
        ("data.held_out=shape=2", "classes, not all, of two factors or more; got sha"),
        ("data.held_out=shape=2,x=0..31", "some classes, not all, of two factors"),
        ("data.held_out=shape=2,x=16..32", "classes of factors, each once, such as"),
        ("data.held_out=shape=2,x=5..3", "each once, such as shape=0..2, scale=0..5"),
        ("data.held_out=shape=2,x=-1", "classes of factors, each once, such as"),
        ("data.held_out=shape=2,x", "classes of factors, each once, such as shape=0.."),
        ("data.held_out=shape=2,light=1", "classes of factors, each once, such as"),
        ("data.held_out=shape=1,shape=2", "classes of factors, each once, such as"),
        ("evaluate.images=others", "evaluate.images expects one of ('trained', 'all'"),
        ("evaluate.images=held_out", "held_out expects data.held_out of two images"),
        ("evaluate.points=737281", "evaluate.points expects at most 737,280 points"),
        (
            "data.held_out=shape=2,x=16..31 evaluate.images=held_out "
            "evaluate.points=122881",
            "evaluate.points expects at most 122,880 points; got 122,881",
        ),
        (
            "data.correlated=() data.held_out=shape=2,x=16..31 data.points=614401",
            "data.points expects at most 614,400 points; got 614,401",
        ),
    ],
    "configs/heads.py:laptop,smoke": [
        (
            "data.look=noise",
            "data.look expects one of ('plain',) for data.name = heads",
        ),
        ("data.correlated=azimuth,x", "expects two of identity, azimuth, elevation, l"),
        ("data.points=127051", "data.points expects at most 127,050 points"),
        ("data.source=file data.path=a.npz", "expects data.source among ('rendered',)"),
    ],
}
