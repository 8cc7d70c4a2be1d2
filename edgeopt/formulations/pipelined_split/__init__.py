"""Frames in flight: which layers run on which tier so that the slowest stage is fast, or the latency within it."""

from .certificate import NoPipeline as NoPipeline
from .certificate import StageBounds as StageBounds
from .problem import PipelinedSplit as PipelinedSplit
from .problem import PipelinedSplitDecision as PipelinedSplitDecision
