import matplotlib.style
import numpy as np
from matplotlib.figure import Figure

from experiments.plots import point_labels, style


def test_labels_of_close_points_cover_neither_each_other_nor_a_point():
    points = np.array([[0.5, 0.5], [0.52, 0.5], [0.5, 0.53], [0.98, 0.98]])
    with matplotlib.style.context(["default", style.RC]):
        figure = Figure(figsize=(4, 3))
        axes = figure.subplots()
        axes.set(xlim=(0, 1), ylim=(0, 1))
        point_labels.place(axes, points, ["1", "16", "∞", "100"], ["k"] * 4, [points])
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in axes.texts]
    pixels = axes.transData.transform(points)
    frame = axes.get_window_extent()
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert not any(box.contains(*pixel) for pixel in pixels)
        assert frame.contains(box.x0, box.y0)
        assert frame.contains(box.x1, box.y1)
