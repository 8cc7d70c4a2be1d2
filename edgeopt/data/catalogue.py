"""The public originals that `edgeopt data fetch` can download: where from, which bytes, under which terms.

Every file is pinned to one commit of a public repository and to its SHA-256, so that the same name gives the same bytes
for ever. The data belong to their authors: nothing of it is part of edgeopt, and the licence and the citation of an
entry bind whoever fetches it.

The complete Milano grid (62 files of one day, ``sms-call-internet-mi-2013-11-01.txt`` and so on) has no address that
needs no registration: download it from doi:10.7910/DVN/EGZHFV and give the files to
`edgeopt.data.milano.read_original`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class RemoteFile:
    """One file to download.

    Attributes
    ----------
    url : str
        Address over http or https.
    sha256 : str
        Checksum of the bytes behind it, 64 hexadecimal digits.
    name : str
        File name to store it under.
    unpack : bool
        Whether it is a tar or zip archive whose members are wanted.
    """

    url: str
    sha256: str
    name: str
    unpack: bool = False


@dataclass(frozen=True)
class DataSet:
    """A named group of files of one origin.

    Attributes
    ----------
    name, summary : str
        Short name for the command line; one line on what it holds.
    files : tuple of RemoteFile
        What `fetch` downloads.
    licence, citation : str
        Terms of use as far as they are stated, and what to cite.
    """

    name: str
    summary: str
    files: tuple[RemoteFile, ...]
    licence: str
    citation: str


def _github(repository: str, commit: str, folder: str, checksums: Mapping[str, str]) -> tuple[RemoteFile, ...]:
    """Return the files of one folder of a repository as they were at one commit."""
    root = f"https://raw.githubusercontent.com/{repository}/{commit}/{folder}"
    return tuple(RemoteFile(f"{root}/{path}", sha256, path.rpartition("/")[2]) for path, sha256 in checksums.items())


_MILANO_TERMS = (
    "ODbL 1.0: name the Big Data Challenge of Telecom Italia, share databases derived from it alike",
    "Barlacchi et al., Scientific Data 2:150055, 2015; doi:10.7910/DVN/EGZHFV",
)
_GEANT_TERMS = (
    "not stated; cite the source",
    "Uhlig et al., ACM SIGCOMM CCR 36(1), 2006; Orlowski et al., Networks 55(3), 2010",
)

_MILANO_MINI = DataSet(
    "milano-mini",
    "one day of four squares of Milano in the original Telecom Italia layout",
    _github(
        "dzhv/Spatio-Temporal-mobile-traffic-forecasting",
        "9bdf613de9e73c12af886aac3b316f488f6da64e",
        "data",
        {"mini_data.dat": "3333bfafed6ad74bac9cf3c95d45670eb4c36dc3eac14a99c05b1c3d8fb104c9"},
    ),
    *_MILANO_TERMS,
)
_MILANO_CHUNK = DataSet(
    "milano-chunk",
    "half a day of one square in the original layout with stripped fields, and the description of all fields",
    _github(
        "AlessandroStaffolani/tim-dataset-pipeline",
        "a9968c6d93ee6f90b90a0b8a9943e9f05003d550",
        "data/milan",
        {
            "chunk_sample.txt": "b0671cfb2d212de8e3c1080ba963b08c961b018cba9bdfe647bb66f6a7d0c438",
            "metadata-sms-call-internet.json": "5aad122e8d8b80bd0b141f34c97af957ab7c482afde14565f5fb3a9348a95934",
        },
    ),
    *_MILANO_TERMS,
)
_GEANT_TOPOLOGY = DataSet(
    "geant-topology",
    "GEANT backbone, 23 nodes and 74 directed links (TOTEM XML)",
    _github(
        "cchliu/OpenMeasure",
        "c109a92f93360a510357fdf54928f4760b1bb57b",
        "topo",
        {"Geant-topology-anonymised.xml": "2f008882a610ed32baa12e62b8d627444acf70a33c6703f0df8b5614253eb91c"},
    ),
    *_GEANT_TERMS,
)
_GEANT_TRAFFIC = DataSet(
    "geant-traffic",
    "GEANT traffic matrices, 309 steps of 15 minutes, 23 x 23 in kbit/s",
    _github(
        "Annongkhanh/Traffic-matrix-prediction",
        "0ab331d932f6567464bd93738c2da11c265eb888",
        "dataset",
        {"Geant.csv": "a2296c6c2b886195ae0c05dc861eeac7c08984c7ceada299938dbb80bd8e08d2"},
    ),
    *_GEANT_TERMS,
)
_GEANT_SHUFFLED = DataSet(
    "geant-traffic-shuffled",
    "GEANT traffic, 13 days of 15 minutes, 529 origin-destination pairs in shuffled order",
    _github(
        "cchliu/OpenMeasure",
        "c109a92f93360a510357fdf54928f4760b1bb57b",
        "trace/Geant",
        {"scaleNewGeantTraces_2week_0102.csv": "4967f494f230ead4b5267ce4d0f437b75a8b0a2ed0b8da741e4c5f6684bdf490"},
    ),
    *_GEANT_TERMS,
)
_GEANT_SNDLIB = DataSet(
    "geant-sndlib",
    "three GEANT traffic matrices of May 2005 in SNDlib's XML",
    _github(
        "tfenz/TE_SR_WAN_simulation",
        "cdf8f7d0568a4177f168122685218eddedfa0ff5",
        "data/demands/sndlib/directed-geant-uhlig-15min-over-4months-ALL",
        {
            "demandMatrix-geant-uhlig-15min-20050504-1500.xml": (
                "9e8006bd9cbb04e1f5568f16f13bdb61c46ebe73d30b0024e111c247b458ed93"
            ),
            "demandMatrix-geant-uhlig-15min-20050505-1200.xml": (
                "3a1e92ff9b63726a9fc0cbfe4b1e038feaaa57dc74735c9fc47ce7c72a4082bc"
            ),
            "demandMatrix-geant-uhlig-15min-20050506-1200.xml": (
                "059516b66a54bc1e46622186ec1b8a754c74a6db7b2cb300ea50372669d2c0dc"
            ),
        },
    ),
    *_GEANT_TERMS,
)
_SNDLIB = DataSet(
    "sndlib",
    "26 networks of SNDlib 1.0 with demands, native format",
    _github(
        "sikorski-as/sndlib",
        "c06f3efa7829a4ceae36d35aebda843c77037dbe",
        "native",
        {
            "abilene/abilene.txt": "cf951d6a6c007eb54f85518dc7b846ab15507d8b3216a26f4a4af4d465054db1",
            "atlanta/atlanta.txt": "5b9645edb4710771d56b4c26c168a9014a20b7bd1acbdac66980eff15715b52d",
            "brain/brain.txt": "79cbc531a74d96eb9ad4ae9fd075bc44aeae130f0d83e6863e9e67ce55adc168",
            "cost266/cost266.txt": "12967dbeb3518feecc71179bd996ce76b273a292b1d39d94b4b37ee799fa0b84",
            "dfn-bwin/dfn-bwin.txt": "60f501435474e38d01514727c43f43560d651cc444c4e40b45a704a1376d481d",
            "dfn-gwin/dfn-gwin.txt": "2af323ef4a318b2917bb5b789b6cfafc5e2b837eef8e3a4bcfb7c10dfb7e51cb",
            "di-yuan/di-yuan.txt": "3b7538e42ae76a20dc71973774b133fdd65161b9095d021db9f506c4eefb958b",
            "france/france.txt": "0b073aa667a1b28a6c95d23d66377e74448abe6ae66446a3f0ee67228f6f1f61",
            "geant/geant.txt": "ff316c23220ff4485deafcb8701d49c353db0c80072152df3ed9023ed4b4f4ff",
            "germany50/germany50.txt": "a295adf283f42c5cce8cd5f9c2fbd8b3071bd02c011c841726c0ec29c744c1fe",
            "giul39/giul39.txt": "ce350778c3e9f99ccbe231543d61bccf611e4c4274c479fd7ed5f878fd5f4247",
            "india35/india35.txt": "7bcf6b703fcdda7408f4153b8a03c699639fe2077664e0c91d94182b0f5e4792",
            "janos-us-ca/janos-us-ca.txt": "9e9ac1324eddee6967d9af0cc556d069806729b8baff4b7c7f1fc44a371dffde",
            "janos-us/janos-us.txt": "9088a4fcc91663d5e922bdcf12301d04204fcd5984e23b1833b4c589eb4df3b1",
            "newyork/newyork.txt": "dadd4efe15c2ce6d20f44be7b57acf832e08c406517b254e1e4fbe468cf5f974",
            "nobel-eu/nobel-eu.txt": "2170d1f8d2b481dca907b4c17c33e292fd06a05bfef279e0d31f2f1f659bdfd0",
            "nobel-germany/nobel-germany.txt": "35e58a3799d78d2ebfd2a557be2ba4a221ca17fc704cfdd13df56bb90c12a796",
            "nobel-us/nobel-us.txt": "bf9a62d2208eabf7dc6ce5b506302726bbd29578513ac979ad10fbb6c55ea6a1",
            "norway/norway.txt": "5bb989219615d176f3472230a51f87511cb1b2ba6157303ebbe864da99dace88",
            "pdh/pdh.txt": "8f361e93606e6c6c4bee293f8eab4fa624331b569d235e19fb67d2c4ae7a506e",
            "pioro40/pioro40.txt": "91a2b095338b43d4f1ee02f3a7522b33ce24e64547c441a0c91128e7c4fc56fa",
            "polska/polska.txt": "8693f41abe039334e40becc65a709d0b4fa9aefb88205dc6303660c8ecccbe93",
            "sun/sun.txt": "9aeab51495f4f52afc5f4a176ea06adcc4b747c2112d687753837c54587bc677",
            "ta1/ta1.txt": "dc8f5e88e90cc5ab3cf911f5d53a787ded851f4034a0e840e9dd0e338988e3cf",
            "ta2/ta2.txt": "ddfa6dc98b0df27fd89271817886e42369dbe711c0267c324ce5a1f5544b7ff0",
            "zib54/zib54.txt": "cb8d77668b9ac535fa0a7fa6fac8fff0404000d04b8f37dd85e6713fb4d21ecb",
        },
    ),
    "not stated; cite the source",
    "Orlowski et al., SNDlib 1.0, Networks 55(3), 2010",
)
_MAHIMAHI = DataSet(
    "mahimahi",
    "12 cellular links in the United States, driving: one millisecond time stamp per packet of 1500 bytes",
    _github(
        "ravinet/mahimahi",
        "ae477d437615b972217498ba52be07db17a15618",
        "traces",
        {
            "ATT-LTE-driving-2016.down": "24a40538340de991e0a6595aefc381b11a3da0446176e69b51750707a57b0344",
            "ATT-LTE-driving-2016.up": "ebb3d53674b77be4ed920ad91c4513a496e04e30da839e2ca8a627cb7269071e",
            "ATT-LTE-driving.down": "73c58f41bf7a3f0fac82810ca61307521be1cf6b77a0e98093fd340bddfd161f",
            "ATT-LTE-driving.up": "d58a640b9bccd131a421bff6eaf727aba324d9258b35009655bbf68e087b9b29",
            "TMobile-LTE-short.down": "4f33dce8dd811b5702272af64aaf64d3913719919abd776edf1e0f7c0965da43",
            "TMobile-LTE-short.up": "1c0d1bf5417b07597724fd64afe676af3c1f337a4ccdde90106bf96b1bcf18b2",
            "TMobile-UMTS-driving.down": "c97a74e7e6cf593d93b59f73db614bc6186bef510531636ad9961a3b9fc18024",
            "TMobile-UMTS-driving.up": "f2dc7c8e57f4cf525fefaff2d68c18a9118fd1382ce9c240b1d324a2a60f8a65",
            "Verizon-EVDO-driving.down": "60c9cd7b5d8be7d89d3807052a043f54787958f04cfd4c6c16fcdac6e2c3b9da",
            "Verizon-EVDO-driving.up": "6055d60d234030035f59475dc1d39d99e7c2817b9fa5d485f1f0710b1aae2075",
            "Verizon-LTE-short.down": "c918436fbd6246af134c76585d9395881fdd27203c59a8902b9a7c675b8a8e3e",
            "Verizon-LTE-short.up": "f6cd9049f58d70f12545772a3482ded085b6d50f06a2f4ff4afcfb6fe7976dcc",
        },
    ),
    "not stated for the traces (mahimahi itself: GPL-3.0); cite the source",
    "Winstein et al., NSDI 2013",
)

CATALOGUE: Mapping[str, DataSet] = MappingProxyType(
    {
        entry.name: entry
        for entry in (
            _MILANO_MINI,
            _MILANO_CHUNK,
            _GEANT_TOPOLOGY,
            _GEANT_TRAFFIC,
            _GEANT_SHUFFLED,
            _GEANT_SNDLIB,
            _SNDLIB,
            _MAHIMAHI,
        )
    }
)
"""All data sets by name."""
