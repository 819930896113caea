from onestroke.train.crop_stages import Stage, plan_stages


def test_one_crop_takes_the_whole_run():
    assert plan_stages([192], 100) == [Stage(192, 0, 100)]


def test_crops_take_turns_each_for_as_many_pixels():
    coarse, fine = plan_stages([128, 256], 1000)
    assert (coarse, fine) == (Stage(128, 0, 800), Stage(256, 800, 1000))
    assert 800 * 128**2 == 200 * 256**2


def test_steps_already_taken_are_left_out():
    assert plan_stages([128, 256], 1000, 300) == [Stage(128, 300, 800), Stage(256, 800, 1000)]
    assert plan_stages([128, 256], 1000, 800) == [Stage(256, 800, 1000)]
    assert plan_stages([128, 256], 1000, 1000) == []


def test_a_short_run_leaves_no_empty_stage():
    assert plan_stages([64, 2048], 1) == [Stage(64, 0, 1)]
