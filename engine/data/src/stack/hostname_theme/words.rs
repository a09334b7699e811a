//! The words of the themes: lower case, each a host name by itself.

pub(super) const BAKED_GOODS: &str = "
    bagel baguette baklava biscotti biscuit bialy bretzel brioche brownie bun cannoli ciabatta cookie cornbread cracker crepe
    croissant crumpet cupcake danish doughnut eclair empanada flapjack focaccia galette gingerbread lavash macaron madeleine
    matzo meringue muffin naan palmier panettone pancake pita pretzel pumpernickel roll rusk scone shortbread sourdough
    stollen strudel tart turnover waffle zwieback";

pub(super) const CLOUDS: &str = "
    altocumulus altostratus arcus asperitas calvus capillatus castellanus cavum cirrocumulus cirrostratus cirrus congestus
    cumulonimbus cumulus duplicatus fibratus flammagenitus floccus flumen fluctus fractus humilis incus intortus lacunosus
    lenticularis mamma mediocris nebulosus nimbostratus opacus pannus perlucidus pileus praecipitatio radiatus spissatus
    stratiformis stratocumulus stratus translucidus tuba uncinus undulatus velum vertebratus virga volutus";

pub(super) const EUROPE_CITIES: &str = "
    amsterdam antwerp athens barcelona basel belgrade berlin bern bilbao bologna bordeaux bratislava bremen brussels bucharest
    budapest cologne copenhagen cork dublin edinburgh florence frankfurt gdansk geneva genoa ghent glasgow gothenburg graz
    hamburg helsinki krakow leipzig lille lisbon liverpool ljubljana london luxembourg lyon madrid malmo manchester marseille
    milan munich nantes naples nice oslo palermo paris porto prague reykjavik riga rome rotterdam salzburg sarajevo seville
    sofia stockholm strasbourg tallinn toulouse turin utrecht valencia venice vienna vilnius warsaw zagreb zurich";

pub(super) const FRUITS: &str = "
    apple apricot avocado banana blackberry blackcurrant blueberry boysenberry cherimoya cherry clementine cloudberry coconut
    cranberry currant damson date dragonfruit durian elderberry feijoa fig gooseberry grape grapefruit guava jackfruit jujube
    kiwi kumquat lemon lime longan loquat lychee mandarin mango mangosteen medlar melon mirabelle mulberry nectarine olive
    orange papaya passionfruit peach pear persimmon pineapple plantain plum pomegranate pomelo quince rambutan raspberry
    satsuma starfruit strawberry tamarind tangerine watermelon yuzu";

pub(super) const GREEK_DEITIES_AND_TITANS: &str = "
    achelous aether aeolus aphrodite apollo ares artemis asclepius asteria astraeus athena atlas boreas calliope chaos clio
    coeus crius cronus demeter dionysus dione eirene eos epimetheus erato erebus eris eros euterpe gaia hades hebe hecate helios
    hemera hephaestus hera heracles hermes hestia hygieia hyperion hypnos iapetus iris leto metis mnemosyne morpheus nemesis
    nereus nike notus nyx oceanus pan persephone phoebe pontus poseidon prometheus proteus rhea selene tethys thalia thanatos
    theia themis triton tyche urania uranus zephyrus zeus";

pub(super) const LEGENDARY_CREATURES_FROM_JAPAN: &str = "
    akaname amabie amanojaku amikiri azukiarai baku bakeneko basan betobeto byakko daidarabotchi futakuchi gashadokuro genbu
    hanzaki hitodama hyosube inugami ittan jorogumo jubokko kamaitachi kappa karakasa kasha kawauso kijimuna kirin kitsune kodama
    komainu kudan mujina namazu nekomata ningyo nue nuppeppo nurarihyon nurikabe okami oni raiju rokurokubi ryujin satori seiryu
    shikigami shojo suzaku tanuki tengu tsuchigumo tsuchinoko tsukumogami ubume umibozu ushioni wani yamabiko yamauba yuki-onna
    zashiki";

pub(super) const PLANETS_AND_MOONS: &str = "
    amalthea ananke ariel atlas belinda bianca callisto calypso carme ceres charon cordelia cressida daphnis deimos despina
    desdemona dione earth elara enceladus epimetheus eris europa galatea ganymede haumea helene himalia hydra hyperion iapetus io
    janus juliet jupiter larissa leda luna makemake mars mercury metis mimas miranda naiad neptune nereid nix oberon ophelia pan
    pandora pasiphae phobos phoebe pluto portia prometheus proteus puck rhea rosalind saturn sinope styx telesto tethys thalassa
    thebe titan titania triton umbriel uranus venus";

pub(super) const ROMAN_DEITIES: &str = "
    abundantia aesculapius angerona apollo aurora bacchus bellona bona-dea caelus cardea carmenta ceres clementia cloacina concordia
    consus cupid cybele diana dis fama fauna faunus felicitas fides flora fortuna honos hora invidia janus juno jupiter justitia
    juturna juventas lares latona libertas libitina lucina luna maia mars mercury minerva moneta mors neptune nox nundina ops orcus
    pales pax penates picus pluto pomona portunus priapus proserpina quirinus robigus roma salacia salus saturn silvanus sol somnus
    tellus terminus trivia veritas vertumnus vesta victoria virtus volturnus vulcan";

pub(super) const SCOTTISH_ISLANDS: &str = "
    ailsa arran barra benbecula berneray boreray bressay burray bute canna cava coll colonsay cumbrae danna eday egilsay eigg
    eriskay erraid fetlar flotta foula gigha graemsay grimsay hascosay hirta housay hoy inchcolm inchkeith iona islay jura kerrera
    lewis lismore luing lunga mingulay muck mull noss oronsay pabbay papa raasay rona rousay rum sanda sandray sanday scalpay scarba
    scarp seil shapinsay shona skye soay staffa stroma stronsay swona taransay tiree trondra ulva unst vaila vatersay westray wyre
    yell";

pub(super) const US_CITIES: &str = "
    albany albuquerque anchorage atlanta austin baltimore baton-rouge birmingham boise boston boulder buffalo charleston charlotte
    chicago cincinnati cleveland columbus dallas denver des-moines detroit el-paso fargo fresno honolulu houston indianapolis
    jacksonville juneau kansas-city las-vegas lincoln los-angeles louisville madison memphis mesa miami milwaukee minneapolis mobile
    nashville new-orleans new-york newark norfolk oakland omaha orlando philadelphia phoenix pittsburgh portland providence raleigh
    reno richmond rochester sacramento salem salt-lake-city san-antonio san-diego san-francisco san-jose santa-fe savannah seattle
    spokane st-louis st-paul tacoma tampa toledo topeka tucson tulsa washington wichita";

pub(super) const WILD_CATS: &str = "
    asiatic-lion barbary-lion black-footed-cat bobcat caracal catamount cheetah chinese-mountain-cat clouded-leopard colocolo cougar
    european-wildcat fishing-cat flat-headed-cat geoffroys-cat ghost-cat golden-cat iberian-lynx iriomote-cat jaguar jaguarundi
    jungle-cat kodkod leopard leopard-cat lion lynx manul marbled-cat margay mountain-lion ocelot oncilla painter pallas-cat
    pampas-cat panther puma rusty-spotted-cat sand-cat serval siberian-tiger snow-leopard sumatran-tiger sunda-leopard tiger tigrina
    wildcat";
