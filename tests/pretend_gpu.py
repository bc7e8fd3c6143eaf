"""A GPU that is none: its tensors say that they are elsewhere, refuse to meet others, and are computed here.

So what a program puts where is tried without a GPU, and so is how much it holds there, and what it does when
there is no room. What a real one adds (libraries of its own, their workspace, its rounding) is not.
"""

import weakref

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

NAME = "a pretend GPU"
THERE = torch.device("cuda", 0)
MOVES = ("_to_copy", "copy_", "to", "_has_compatible_shallow_copy_type")
"""Operations in which tensors of both places meet."""
CALLED = ("cuda", "meta")
"""Its name, and what tensors of it are to the library underneath, which makes others like them."""


class Far(Tensor):
    """A tensor in the memory of the GPU; what it holds is `near`."""

    @staticmethod
    def __new__(cls, near):
        sizes = {"strides": near.stride(), "storage_offset": near.storage_offset()}
        return Tensor._make_wrapper_subclass(cls, near.shape, **sizes, dtype=near.dtype, device="meta")

    def __init__(self, near):
        self.near = near

    __torch_function__ = torch._C._disabled_torch_function_impl
    device = property(lambda self: THERE)
    is_meta = False

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise RuntimeError(f"{func} on a GPU that is gone")


class PretendGpu(TorchDispatchMode):
    """Within it there is a GPU; it counts what is held there."""

    @classmethod
    def _should_skip_dynamo(cls):
        return False  # what it stands for takes ten seconds to import

    def __init__(self):
        super().__init__()
        self.peak = self.last = self.now = 0
        self._known = set()
        self.convolutions = 0
        self.has_room = lambda convolution, voxels: True
        """Whether there is room for a convolution, by its number and the voxels that come out."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        leaves = tree_leaves((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        far = [isinstance(tensor, Far) for tensor in tensors]
        name = func.overloadpacket.__name__
        if any(far):
            mixed = not all(there or not tensor.dim() for there, tensor in zip(far, tensors, strict=True))
            if "mkldnn" in str(func) or (mixed and name not in MOVES):
                raise RuntimeError(f"{func}: some are on a GPU, some are not")
        places = [leaf for leaf in leaves if isinstance(leaf, torch.device)]
        there = places[0].type in CALLED if places else far[0] if name == "copy_" else any(far)
        args, kwargs = tree_map_only(Far, lambda tensor: tensor.near, (args, kwargs or {}))
        args, kwargs = tree_map_only(torch.device, lambda _: torch.device("cpu"), (args, kwargs))
        found = func(*args, **kwargs)
        if not there:
            return found
        if "conv" in name:
            self._convolved(next(one for one in tree_leaves(found) if isinstance(one, Tensor)))
        known = {id(tensor.near): tensor for tensor in tensors if isinstance(tensor, Far)}
        return tree_map_only(
            Tensor, lambda near: known[id(near)] if id(near) in known else self._held(near), found
        )

    def _convolved(self, found):
        self.convolutions += 1
        if not self.has_room(self.convolutions, found[0, 0].numel()):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. Advice follows.")

    def _held(self, near):
        storage = near.untyped_storage()
        key, size = storage.data_ptr(), storage.nbytes()
        if size and key not in self._known:
            self._known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._forget, key, size)
        with torch.inference_mode(mode=False):  # where a view of a weight may be made
            return Far(near)

    def count_anew(self):
        """Begin a new peak; the one before is `last`."""
        self.last, self.peak = self.peak, self.now

    def _forget(self, key, size):
        self._known.discard(key)
        self.now -= size


def install(patch, memory=8 << 30):
    """Make torch believe in it; return it, to be entered."""
    gpu = PretendGpu()
    answers = {
        "is_available": True,
        "device_count": 1,
        "set_device": None,
        "empty_cache": None,
        "mem_get_info": (memory, 2 * memory),
        "get_device_name": NAME,
        "is_bf16_supported": True,
        "set_per_process_memory_fraction": None,
        "_lazy_init": None,
    }
    for name, answer in answers.items():
        patch.setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
    # parameters that move are new ones: a tensor's `near` does not follow what is written over its inside
    patch.setattr(torch.__future__, "get_overwrite_module_params_on_conversion", lambda: True)
    patch.setattr(torch.cuda, "max_memory_allocated", lambda *_: gpu.peak)
    patch.setattr(torch.cuda, "memory_allocated", lambda *_: gpu.now)
    patch.setattr(torch.cuda, "reset_peak_memory_stats", lambda *_: gpu.count_anew())
    return gpu
