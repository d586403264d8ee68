"""Reads a LightGCN-style split and judges factors on it, for the comparisons with `implicit`."""
import pathlib

import numpy as np
import scipy.sparse as sp


def read(path):
    users, items = [], []
    for line in open(path):
        user, *row = map(int, line.split())
        users += [user] * len(row)
        items += row
    return np.array(users), np.array(items)


def ndcg_at_20(model, train, test):
    """Full ranking without the user's train items, ideal DCG with min(20, |test|): the protocol of docs/quality.md."""
    discounts = 1 / np.log2(np.arange(20) + 2)
    values = []
    relevant = test.tolil().rows
    for first in range(0, train.shape[0], 512):
        users = np.arange(first, min(first + 512, train.shape[0]))
        scores = model.user_factors[users] @ model.item_factors.T
        rows, cols = train[users].nonzero()
        scores[rows, cols] = -np.inf
        top = np.argpartition(-scores, 20, axis=1)[:, :20]
        top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, 1), 1), 1)
        for user, ranking in zip(users, top):
            wanted = set(relevant[user])
            if wanted:
                hits = np.array([item in wanted for item in ranking])
                values.append((hits * discounts).sum() / discounts[: min(20, len(wanted))].sum())
    return float(np.mean(values))


def read_split(folder):
    """Users × items of train and of test."""
    (users, items), (test_users, test_items) = (read(pathlib.Path(folder) / name) for name in ("train.txt", "test.txt"))
    shape = (max(users.max(), test_users.max()) + 1, max(items.max(), test_items.max()) + 1)
    matrix = lambda u, i: sp.csr_matrix((np.ones(len(u), np.float32), (u, i)), shape)
    return matrix(users, items), matrix(test_users, test_items)
