import json

import numpy as np

from experiments.sweep import tensorboard


def test_a_setting_has_its_own_pictures_unless_all_its_runs_diverged(tmp_path):
    config = {"title": "", "figures": ["reconstructions", "scores_by_setting"]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    settings = [{"beta": 1.0}, {"beta": 4.0}]
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    tiles = np.zeros((2, 3, 4, 4), np.uint8)
    pictures = {"side": 4, "originals": tiles, "reconstructions": tiles}
    np.savez(tmp_path / "pictures.npz", **pictures, picture_run=np.array([-1, 1]))
    first, second = tensorboard.draw(tmp_path)
    assert first == {}
    assert set(second) == {"reconstructions"}
    width, height = tensorboard.size(second["reconstructions"])
    assert max(width, height) > 300
