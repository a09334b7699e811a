// highlight.js knows no Rhai; JavaScript's words, strings and comments are close enough.
hljs.registerAliases(["rhai"], { languageName: "javascript" });
document.querySelectorAll("code.language-rhai").forEach((block) => {
    block.classList.remove("nohighlight");
    hljs.highlightBlock(block);
});

// `<!-- file: PATH -->` above a block tells the tests which file it is, and readers too.
const comments = document.createNodeIterator(document.querySelector("main"), NodeFilter.SHOW_COMMENT);
for (let comment = comments.nextNode(); comment; comment = comments.nextNode()) {
    const file = comment.data.match(/^ file: (.*?) $/);
    const block = comment.nextElementSibling;
    if (file && block && block.tagName === "PRE") {
        const name = document.createElement("code");
        name.textContent = file[1];
        block.before(name);
    }
}
